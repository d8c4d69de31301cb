"""Sessions of several services on one scratch database, each of which Ctrl-C can end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from contextlib import ExitStack

    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.proof_databases import Watch
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


class WatchedSessions:
    """A session for each service, made when it is first asked for."""

    def __init__(self, ws: Workspace, watch: Watch) -> None:
        self._ws = ws
        self._watch = watch
        self._made: dict[str, Session] = {}

    def of(self, history: History, conn: Connection, stack: ExitStack) -> Session:
        """The service's session on the database of `conn`; it ends with `stack`."""
        if history.service not in self._made:
            options = StepOptions(listen=self._ws.listen, journal=False)
            session = Session(self._ws.registry, history, conn.address, conn.identity(), options)
            self._watch(session)
            self._made[history.service] = stack.enter_context(session)
        return self._made[history.service]
