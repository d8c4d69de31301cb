"""Unsafe DDL, found by squawk on the SQL that each revision itself renders."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.histories.session import Session
from aegisdb.lint.acts import acts_of
from aegisdb.lint.checking import read_file
from aegisdb.lint.model import Finding
from aegisdb.lint.rules.unsafe_ddl import RULE
from aegisdb.lint.statements import Statement, statements
from aegisdb.postgres.address import Address, Secret
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.histories.revisions import History
    from aegisdb.histories.scan import Revision
    from aegisdb.lint.model import Context, RevisionFile
    from aegisdb.lint.steps import Step

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
_ABSENT = "unsafe DDL was not looked for: squawk is not installed (pip install squawk-cli)"


def squawk(context: Context, chosen: Iterable[tuple[str, Revision]]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings about these revisions, and what could not be looked at, in words.

    Raises:
        Failed: squawk itself failed.
    """
    by_service: dict[str, list[Revision]] = defaultdict(list)
    for service, revision in chosen:
        by_service[service].append(revision)
    program = _program()
    if not by_service or program is None:
        return (), (_ABSENT,) if by_service else ()
    found: list[Finding] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="aegisdb-lint-") as directory:
        for service, revisions in by_service.items():
            scripts = dict(_render(context, service, revisions, notes))
            found += _judge(context, service, scripts, program, Path(directory))
    return tuple(found), tuple(notes)


def _program() -> str | None:
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def _render(
    context: Context, service: str, revisions: list[Revision], notes: list[str]
) -> Iterator[tuple[Revision, str]]:
    """The SQL of each revision; no server is needed for it."""
    history = context.good()[service]
    nowhere = Address("localhost", 5432, "nobody", Secret(""), "nothing")
    with Session(context.registry, history, nowhere, None, journal=False) as session:
        for revision in revisions:
            try:
                yield revision, session.render_sql(_below(history, revision), (revision.id,), "upgrade")
            except Interrupted:
                raise
            except AegisError as error:
                reason = error.message.splitlines()[0]
                notes.append(f"unsafe DDL was not looked for in {context.shown(revision.path)}: {reason}")


def _below(history: History, revision: Revision) -> tuple[str, ...]:
    """Rows of the version table before it: its parents, without those that are below another one."""
    return tuple(p for p in revision.parents if not any(p in history.ancestors((o,)) - {o} for o in revision.parents))


def _judge(
    context: Context, service: str, scripts: dict[Revision, str], program: str, directory: Path
) -> Iterator[Finding]:
    # a script that says BEGIN and COMMIT itself tells squawk where autocommit_block() is
    bare = {revision: script for revision, script in scripts.items() if "BEGIN;" not in script}
    framed = {revision: script for revision, script in scripts.items() if revision not in bare}
    for group, words in ((bare, ("--assume-in-transaction",)), (framed, ())):
        names = {f"{revision.id}.sql": revision for revision in group}
        for name, revision in names.items():
            (directory / name).write_text(group[revision], encoding="utf-8")
        for complaint in _ask(program, [str(directory / name) for name in names], words, context.registry.root):
            revision = names[Path(complaint["file"]).name]
            yield _finding(context, service, revision, group[revision], complaint)


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


def _finding(context: Context, service: str, revision: Revision, script: str, complaint: dict[str, Any]) -> Finding:
    file = read_file(context, service, revision)
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
        service=service,
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
