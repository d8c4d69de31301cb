"""`migrate.lint --fix`: a new revision that was never applied, written again in safe steps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Interrupted, UsageError
from aegisdb.files import replace_file, shown
from aegisdb.fingerprint import diff, read
from aegisdb.fingerprint.partitions import without_inherited
from aegisdb.forms.choose import choice
from aegisdb.forms.in_steps import Fixed, InSteps
from aegisdb.forms.rewritten import NotAlone, without
from aegisdb.lint import Context
from aegisdb.lint.rule import read_file
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.folder_lock import folder_lock
from aegisdb.revisions.load import read_history
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions
from aegisdb.workflows.migrate.lint import lint, new_revisions
from aegisdb.workflows.migrate.roundtrip import roundtrip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.forms.choose import Choice
    from aegisdb.forms.in_steps import StepWritten
    from aegisdb.postgres.address import Address
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.workflows.migrate.lint import LintResult
    from aegisdb.workspace import Workspace


class _NotTheSame(Exception):
    """The steps are not what the revision was."""


def fixed(ws: Workspace, service: str, since: str, values: str, oldest: int, *, alone: bool) -> LintResult:
    """Write new revisions with unsafe DDL again in safe steps, then judge what is there as `lint` does.

    Raises:
        UsageError: git cannot tell what is new, or not `alone`: other flags are given. Unreachable: the target's
        database does not answer. As `lint`.
    """
    if not alone:
        raise UsageError("--fix goes with --service, --since, --fill and --oldest alone")
    wanted = choice(safe=True, values=values, oldest=oldest)
    first = lint(ws, service=service, since=since)
    new = new_revisions(ws, since=since)
    if not new and first.revisions:
        raise UsageError("which revisions are new is for git to say", hint=first.scope)
    unsafe = {finding.path for finding in first.findings if finding.rule == "unsafe-ddl"}
    done: list[Fixed] = []
    for name in [name for name in new if service in {"", name}]:
        home = ws.registry.root / ws.registry.services[name].path
        with folder_lock(home, name, wait=ws.lock_wait, listen=ws.listen):
            history = read_history(ws.registry, name)
            ours = (one for one in history.ordered() if one.id in new[name])
            done += [_fix(ws, history, one, wanted) for one in ours if shown(one.path, ws.registry.root) in unsafe]
    then = lint(ws, service=service, since=since) if any(not one.why for one in done) else first
    return replace(then, fixed=tuple(done))


def _fix(ws: Workspace, history: History, revision: Revision, wanted: Choice) -> Fixed:
    """Take what is unsafe out of a revision and write it as steps behind it, or say why not."""
    service = history.service
    known = Fixed(service=service, revision=revision.id, path=shown(revision.path, ws.registry.root))
    with ws.connect() as conn:
        standing = read_standings(conn, {service: history})[service]
    if revision.id not in {one.id for one in standing.pending}:
        return replace(known, why="it is applied to the target's database")
    if history.heads != (revision.id,) or len(revision.down) > 1:
        return replace(known, why="it is not the last revision of its history")
    try:
        return _Fix(ws, history, revision, wanted).run(known)
    except (Interrupted, UsageError):
        raise
    except (NotAlone, _NotTheSame) as error:
        return replace(known, why=str(error))
    except AegisError as error:
        return replace(known, why=error.message)


class _Fix:
    """The file is as it was wherever that fails."""

    def __init__(self, ws: Workspace, history: History, revision: Revision, wanted: Choice) -> None:
        self._ws = ws
        self._there = proving(ws)
        self._history = history
        self._revision = revision
        self._steps = InSteps(ws, history.service, wanted)

    def run(self, known: Fixed) -> Fixed:
        """Write it again."""
        context = Context(registry=self._ws.registry, histories={})
        file = read_file(context, self._history.service, self._revision)
        with self._database() as address:
            after = self._down(address)
            with connect(address) as conn:
                before = read(conn)
            changes = without_inherited(diff(before, after), after)
            put_off = self._steps.put_off(before, after, changes, ())
            if not self._steps.planned():
                return replace(known, why="; ".join(self._steps.as_one) or "there are no steps for what it does")
            text = without(file, put_off.operations)
            with self._restored_unless_done(file.source) as written:
                steps = self._write(text, address, written)
                self._prove([*([known.revision] if text else []), *(step.revision for step in steps)], after)
        return replace(known, removed=not text, steps=steps)

    def _database(self) -> AbstractContextManager[Address]:
        """A database with all histories at head."""
        return scratch(self._there.address(), template=template(self._there, "histories"), label="plan")

    def _session(self, address: Address, history: History) -> Session:
        with connect(address) as conn:
            identity = conn.identity()
        return Session(
            self._ws.registry, history, address, identity, StepOptions(listen=self._ws.listen, journal=False)
        )

    def _down(self, address: Address) -> Fingerprint:
        """Take the revision down again; returns what it had made."""
        with connect(address) as conn:
            after = read(conn)
        with self._session(address, self._history) as session:
            session.downgrade_one(self._revision.id)
        return after

    def _write(self, text: str, address: Address, written: list[Path]) -> tuple[StepWritten, ...]:
        """Write what is left of the file, and the steps."""
        path, service = self._revision.path, self._history.service
        if text:
            replace_file(path, text.encode())
        else:
            path.unlink()
        rest = self._revision.id if text else ""
        with self._session(address, read_history(self._ws.registry, service)) as session:
            files = self._steps.files(session, self._revision.message, rest)
            written += [one.path for one in files]
        return self._steps.measured(files, rest, address)

    def _prove(self, new: Sequence[str], after: Fingerprint) -> None:
        """Take them up, down and up, and compare the end with what the revision had made."""
        if problems := roundtrip(self._ws, service=self._history.service, last=len(new)).problems:
            raise _NotTheSame(problems[0].message)
        with self._database() as address, connect(address) as conn:
            left = [change for change in diff(read(conn), after) if not change.is_remark]
        if left:
            raise _NotTheSame(f"the steps do not lead to the same schema: {left[0]}")

    @contextmanager
    def _restored_unless_done(self, source: str) -> Iterator[list[Path]]:
        written: list[Path] = []
        try:
            yield written
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            replace_file(self._revision.path, source.encode())
            raise
