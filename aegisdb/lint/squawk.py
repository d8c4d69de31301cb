"""Unsafe DDL, found by squawk on the SQL that each revision itself renders."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aegisdb.errors import Failed
from aegisdb.lint.effects import acts_of
from aegisdb.lint.literal_sql import written_sql
from aegisdb.lint.rendered_sql import Rendering
from aegisdb.lint.rule import Finding, read_file
from aegisdb.lint.rules.unsafe_ddl import RULE
from aegisdb.lint.squawk_cache import Answers, squawk_key
from aegisdb.lint.squawk_ghosts import is_ghost
from aegisdb.lint.statements import Statement, statements
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.lint.rule import Context, RevisionFile
    from aegisdb.lint.steps import Step
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.parse import Revision

_NOT_OURS = (
    # aegisdb sets lock_timeout itself and bounds a revision with --timeout
    "require-lock-timeout",
    "require-statement-timeout",
    "require-timeout-settings",
    # rules of our own say these, with the revision's transaction known
    "prefer-robust-stmts",
    "ban-concurrent-index-creation-in-transaction",
    "transaction-nesting",
    # taste, not safety
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
    "prefer-timestamptz",
    "identifier-too-long",
    "require-enum-value-ordering",
)
_OLDEST = "14.0"  # the oldest PostgreSQL that a target may have
_PATIENCE = 120.0  # seconds
PORTION = 250
"""Revisions that it is asked about at once."""
_ABSENT = "unsafe DDL was not looked for: squawk is not installed (pip install 'aegisdb[lint]')"


def squawk(context: Context, chosen: Iterable[tuple[str, Revision]]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings about these revisions, and what could not be looked at, in words.

    Raises:
        Failed: squawk itself failed, or the worker of a service does not start.
    """
    found: list[Finding] = []
    notes: list[str] = []
    with Squawk(context.registry) as asking:
        for portion in _portions(chosen):
            notes[:0] = () if notes else asking.absent
            found += asking.look(context, portion, notes)
    return tuple(found), tuple(notes)


class Squawk:
    """The program, where it is installed, and a directory for what it is asked about."""

    def __init__(self, registry: Registry) -> None:
        self.program = _program()
        self.version = ""
        """What it says of itself; empty where it is not installed."""
        self.key = _ABSENT
        """What all its answers depend on."""
        self.rendered: set[str] = set()
        """Services of which some revision does not say everything itself."""
        self._registry = registry
        self._files = ExitStack()
        self._directory = Path()

    def __enter__(self) -> Self:
        if self.program is not None:
            self.version = run([self.program, "--version"], cwd=self._registry.root, timeout=_PATIENCE).stdout
            self.key = squawk_key(self._registry, self.program, self.version)
            made = tempfile.TemporaryDirectory(prefix="aegisdb-lint-", dir=_memory())
            self._directory = Path(self._files.enter_context(made))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    @property
    def absent(self) -> tuple[str, ...]:
        """Say that it is not there."""
        return (_ABSENT,) if self.program is None else ()

    def look(self, context: Context, portion: Mapping[str, Sequence[Revision]], notes: list[str]) -> list[Finding]:
        """What it finds in these revisions, by service; what could not be looked at is added to `notes`.

        Raises:
            Failed: squawk itself failed, or the worker of a service does not start.
        """
        if self.program is None:
            return []
        with ExitStack() as stack:
            of_service = (Answers(self._registry, name, self.key, context.identities) for name in portion)
            answers = {name: stack.enter_context(one) for name, one in zip(portion, of_service, strict=True)}
            asked = _Asked(context, answers, self.program, self._directory)
            self.rendered |= asked.look(portion, stack.enter_context(Rendering(context)), notes)
            return asked.findings()


def _memory() -> str | None:
    """A directory in memory for thousands of small files; None: where temporary files belong here, as TMPDIR says."""
    shared = "/dev/shm"  # noqa: S108  only the directory that is made in it, for us alone, is used
    return shared if "TMPDIR" not in os.environ and os.access(shared, os.W_OK | os.X_OK) else None


def _program() -> str | None:
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def _portions(chosen: Iterable[tuple[str, Revision]]) -> Iterator[dict[str, list[Revision]]]:
    """Revisions by service, so many at a time that their scripts take little memory; no service is torn apart."""
    portion: dict[str, list[Revision]] = {}
    by_service: dict[str, list[Revision]] = {}
    for service, revision in chosen:
        by_service.setdefault(service, []).append(revision)
    for service, revisions in by_service.items():
        portion[service] = revisions
        if sum(map(len, portion.values())) >= PORTION:
            yield portion
            portion = {}
    if portion:
        yield portion


class _Asked:
    """Squawk's findings about some services: known from before, or asked now."""

    def __init__(self, context: Context, answers: Mapping[str, Answers], program: str, directory: Path) -> None:
        self._context = context
        self._answers = answers
        self._program = program
        self._directory = directory
        self._known: dict[tuple[str, Revision], list[Finding]] = {}
        self._scripts: dict[tuple[str, Revision], str] = {}
        self._written: set[tuple[str, Revision]] = set()

    def look(self, portion: Mapping[str, Sequence[Revision]], rendering: Rendering, notes: list[str]) -> set[str]:
        """Learn the SQL of each revision of which the answer is not known: from its text, or from its service.

        The services that were asked are returned.
        """
        left: dict[str, list[Revision]] = {}
        for service, revisions in portion.items():
            if unknown := [revision for revision in revisions if not self._told(service, revision)]:
                left[service] = unknown
        for service, rendered in zip(left, rendering.render(left), strict=True):
            for revision, script in rendered.scripts.items():
                known = self._answers[service].of_script(revision.path, self._context.shown(revision.path), script)
                if known is None:
                    self._scripts[service, revision] = script
                else:
                    self._known[service, revision] = known
            for revision, reason in rendered.refused.items():
                shown = self._context.shown(revision.path)
                notes.append(f"unsafe DDL was not looked for in {shown}: {reason}")
        return set(left)

    def _told(self, service: str, revision: Revision) -> bool:
        """Whether the file itself tells what is executed."""
        answers, path = self._answers[service], revision.path
        known = answers.of_text(path, self._context.shown(path))
        if known is not None:
            self._known[service, revision] = known
            return True
        if answers.is_rendered(path):
            return False
        script = written_sql(read_file(self._context, service, revision))
        if script is None:
            return False
        self._scripts[service, revision] = script
        self._written.add((service, revision))
        return True

    def findings(self) -> list[Finding]:
        """Squawk's findings about all of these services."""
        found: dict[tuple[str, Revision], list[Finding]] = {key: [] for key in self._scripts} | self._known
        judged = _judge(self._scripts, self._program, self._context.registry.root, self._directory)
        # what is said about a file comes together: it is parsed once
        for key, complaints in groupby(judged, key=lambda one: one[0]):
            file = read_file(self._context, *key)
            found[key] += [_finding(file, script, complaint) for _, script, complaint in complaints]
        for key, script in self._scripts.items():
            self._answers[key[0]].keep(key[1].path, None if key in self._written else script, found[key])
        return [finding for each in found.values() for finding in each]


def _judge(
    scripts: Mapping[tuple[str, Revision], str], program: str, root: Path, directory: Path
) -> Iterator[tuple[tuple[str, Revision], str, dict[str, Any]]]:
    # a script that says BEGIN and COMMIT itself tells squawk where autocommit_block() is
    framed = {key: script for key, script in scripts.items() if "BEGIN;" in script}
    bare = {key: script for key, script in scripts.items() if key not in framed}
    for group, words in ((bare, ("--assume-in-transaction",)), (framed, ())):
        # the same names each time: writing over a file costs a tenth of making one
        files = {str(directory / f"{number}.sql"): key for number, key in enumerate(group)}
        for file, key in files.items():
            Path(file).write_text(group[key], encoding="utf-8")
        for complaint in _ask(program, list(files), words, root):
            key = files[complaint["file"]]
            if not is_ghost(group[key], complaint):
                yield key, group[key], complaint


def _ask(program: str, files: list[str], words: tuple[str, ...], cwd: Path) -> list[dict[str, Any]]:
    if not files:
        return []
    options = ["--reporter=json", f"--exclude={','.join(_NOT_OURS)}", f"--pg-version={_OLDEST}", *words]
    asked = run([program, *options, *files], cwd=cwd, timeout=_PATIENCE)
    try:
        complaints: list[dict[str, Any]] = json.loads(asked.stdout or "[]")
    except ValueError:
        complaints = []
        asked_in_vain = True
    else:
        asked_in_vain = asked.returncode != 0 and not complaints
    if asked_in_vain:
        last = (asked.stderr.strip() or asked.stdout.strip()).splitlines()[-1:]
        raise Failed(f"squawk exited with {asked.returncode}: {' '.join(last)}", code="program")
    return complaints


def _finding(file: RevisionFile, script: str, complaint: dict[str, Any]) -> Finding:
    statement = _statement_at(script, int(complaint["line"]))
    step = _step_of(file, statement) if statement else None
    function = file.function("upgrade")
    line = step.line if step else function.lineno if function else 1
    return Finding(
        rule=RULE.id,
        message=f"{complaint['rule_name']}: {complaint['message']}",
        path=file.shown,
        line=line,
        fix=complaint.get("help") or RULE.fix,
        service=file.service,
        last_line=(step.call.end_lineno or line) if step else line,
    )


def _statement_at(script: str, line: int) -> Statement | None:
    before = [statement for statement in statements(script) if statement.newlines <= line]
    return before[-1] if before else None


def _step_of(file: RevisionFile, statement: Statement) -> Step | None:
    """The call that made a statement: the one with the same text, or else with the most in common."""
    same = [step for step in file.upgrade if any(s.tokens == statement.tokens for _, s in step.statements())]
    if same:
        return same[0]
    wanted = {(act.verb, act.kind, act.name or act.table) for act in acts_of(statement)}
    names = {name for act in acts_of(statement) for name in (act.name, act.table) if name}
    scored = [(_likeness(step, wanted, names), -number) for number, step in enumerate(file.upgrade)]
    best, number = max(scored, default=(0, 0))
    return file.upgrade[-number] if best else None


def _likeness(step: Step, wanted: set[tuple[str, str, str]], names: set[str]) -> int:
    exact = sum((act.verb, act.kind, act.name or act.table) in wanted for act in step.acts)
    return 3 * exact + len({name for act in step.acts for name in (act.name, act.table)} & names)
