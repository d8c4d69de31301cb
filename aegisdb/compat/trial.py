"""Runs the models of a commit on its own database, before and after the new revisions of today."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aegisdb.compat.judgement import Judgement
from aegisdb.compat.raw_sql import RawSql
from aegisdb.compat.results import OldService
from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.fingerprint import diff, read
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.proofs.released_proof import bring_up
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from aegisdb.compat.results import Unsettled
    from aegisdb.fingerprint import Change
    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.released_state import Released
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Step
    from aegisdb.runtime.tried_statements import OldCodeTried
    from aegisdb.workspace import Workspace

_TOGETHER = 8
"""Services whose models stay loaded at a time, on a copy of the database for all of them."""


@dataclass
class Trial:
    """The result of a trial."""

    services: list[OldService] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    """Changes of the schema by the new revisions, as far as they apply."""
    raw_sql: tuple[Unsettled, ...] = ()
    """Texts of the old tree that were not run and name something that changes."""
    failed: AegisError | None = None
    """The error of a new revision that does not apply to the released rows."""


class OldCodeTrial:
    """One trial of old code; `histories` are those of today that are upgraded, in the order of services."""

    def __init__(
        self,
        ws: Workspace,
        released: Released,
        histories: Sequence[History],
        *,
        before: Collection[Step] | None = None,
        after: Collection[Step] | None = None,
        services: Collection[str] | None = None,
    ) -> None:
        """Judge all new revisions without more, and all services of that commit.

        `before` are revisions that are applied first and not judged, `after` all that are applied in the end.
        """
        self._ws = ws
        self._released = released
        self._histories = histories
        self._before, self._after = before, after
        self._old = [one for name, one in released.histories.items() if services is None or name in services]
        self._trial = Trial()
        self._raw_sql = RawSql(released, self._old)

    def run(self) -> Trial:
        """Try all services of that commit."""
        for at in range(0, len(self._old), _TOGETHER):
            self._try(self._old[at : at + _TOGETHER], first=at == 0)
        self._add_raw_sql()
        return self._trial

    def _add_raw_sql(self) -> None:
        texts = tuple(self._raw_sql.breaks())
        for at, one in enumerate(self._trial.services):
            own = tuple(text for text in texts if text.service == one.service)
            self._trial.services[at] = replace(one, breaks=(*one.breaks, *own))
        self._trial.raw_sql = tuple(self._raw_sql.unsettled(self._trial.changes))

    def _try(self, old: Sequence[History], *, first: bool) -> None:
        with ExitStack() as stack:
            address = stack.enter_context(
                scratch(
                    self._ws.address(),
                    template=self._released.template,
                    label="old code",
                    soon=self._ws.server.own,
                )
            )
            conn = stack.enter_context(connect(address, application="aegisdb: old code"))
            if self._before is not None:
                bring_up(self._ws, conn, self._histories, only=self._before)
            models = [stack.enter_context(_Models(self._released, self._ws, history, conn)) for history in old]
            for one in models:
                one.look(first=True)
            self._bring_up(conn, first=first)
            for one in models:
                one.look(first=False)
                self._trial.services.append(one.judged(self._trial.changes))

    def _bring_up(self, conn: Connection, *, first: bool) -> None:
        if first:
            self._raw_sql.look(conn)
        before = read(conn)
        try:
            bring_up(self._ws, conn, self._histories, only=self._after)
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            self._trial.failed = error
        self._trial.changes = diff(before, read(conn))
        if first:
            self._raw_sql.look(conn)


class _Models:
    """The models of one service at that commit, in a process of their own."""

    def __init__(self, released: Released, ws: Workspace, history: History, conn: Connection) -> None:
        self._released = released
        self._ws = ws
        self._service = history.service
        options = StepOptions(listen=ws.listen, journal=False, instead=(released.top, released.tree.resolve()))
        self._session = Session(released.ws.registry, history, conn.address, conn.identity(), options)
        self._seen: list[OldCodeTried] = []
        self._error = ""

    def __enter__(self) -> Self:
        self._session.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._session.abort() if kind else self._session.close()

    def look(self, *, first: bool) -> None:
        """Run the statements of these models on the database as it is."""
        if self._error:
            return
        self._ws.listen(Event(step="old code", subject=self._service))
        try:
            found = self._session.try_old_code(first=first)
            self._session.release()
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            self._error = error.message.splitlines()[0]
            self._session.abort()
            return
        self._seen.append(found)
        today = next(self._of_today(found.loaded.files), "")
        if today:
            self._error = f"its environment takes {today} from today's tree, so these are not the models of then"

    def _of_today(self, files: Sequence[str]) -> Iterator[str]:
        root, state = self._ws.registry.root.resolve(), self._ws.registry.state.resolve()
        for file in map(Path, files):
            if file.is_relative_to(root) and not file.is_relative_to(state):
                yield str(file.relative_to(root))

    def judged(self, changes: Sequence[Change]) -> OldService:
        """Return the judgement on the service, whose new revisions made these changes."""
        if self._error:
            return OldService(service=self._service, tables=0, statements=0, error=self._error)
        before, after = self._seen
        judgement = Judgement(self._service, self._place(), before, after, changes)
        return OldService(
            service=self._service,
            tables=len(self._seen[0].tables),
            statements=judgement.statements,
            breaks=judgement.breaks(),
            unsettled=tuple(judgement.unsettled()),
        )

    def _place(self) -> Callable[[str], str]:
        tree = f"{self._released.tree.resolve()}/"
        return lambda where: where.removeprefix(tree)
