"""What the checks look at: each thing is read once a look, and only when a check asks for it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aegisdb.errors import (
    AegisError,
    Failed,
    HistoryError,
    LoginRefused,
    NoDatabase,
    Refused,
    TooFewSessions,
    Unreachable,
)
from aegisdb.postgres.session import OLDEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.applied.status import Standing
    from aegisdb.building.buildable import Buildable
    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.models.results import ModelsCompared
    from aegisdb.ownership import Owners
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

Applied = tuple[str, ...]


@dataclass(frozen=True)
class Patient:
    """A project and, as far as they can be reached, its server and its database."""

    ws: Workspace
    server: Connection | None
    """A session on the maintenance database."""
    database: Connection | None
    unreachable: Unreachable | None
    """Why there is no connection to the server or to the database."""

    @property
    def maintenance(self) -> Connection:
        """The connection to the server, for checks that need it."""
        assert self.server is not None  # noqa: S101  such checks are not asked without a server
        return self.server

    @property
    def conn(self) -> Connection:
        """The connection to the database, for checks that need it."""
        assert self.database is not None  # noqa: S101  such checks are not asked without a database
        return self.database

    @cached_property
    def too_old(self) -> bool:
        """Whether its server is older than what the other checks ask."""
        return any(conn.identity().server_version < OLDEST for conn in (self.server, self.database) if conn)

    @cached_property
    def name(self) -> str:
        """The database's name."""
        return self.ws.registry.file.database.name if self.server is None else self.ws.address().database

    @cached_property
    def histories(self) -> Mapping[str, History | HistoryError]:
        """Every service's history, or why it cannot be read."""
        from aegisdb.revisions.load import read_histories

        return read_histories(self.ws.registry)

    @cached_property
    def good(self) -> dict[str, History]:
        """Histories that can be read."""
        return {name: history for name, history in self.histories.items() if not isinstance(history, HistoryError)}

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """The state of every service in the database."""
        from aegisdb.applied.status import read_standings

        return read_standings(self.database, self.histories)

    @cached_property
    def built(self) -> Buildable:
        """The part of the histories that can be built."""
        from aegisdb.building.buildable import buildable

        return buildable(self.ws)

    @cached_property
    def live(self) -> Fingerprint:
        """The schema of the database."""
        from aegisdb.fingerprint import read

        return read(self.conn)

    @cached_property
    def owners(self) -> Owners:
        """The owners of objects."""
        from aegisdb.drift.expected_schema import base_schema
        from aegisdb.ownership import Owners

        return Owners(self.ws.registry, base_schema(self.ws))

    @cached_property
    def compared(self) -> Mapping[str, ModelsCompared | AegisError]:
        """The models of every service that builds against its history; why the others do not is told elsewhere."""
        from aegisdb.models.comparison import compare_models

        try:
            return compare_models(self.built.ws, self.sound, whole=self.ws)
        except Failed:  # not even the base schema builds
            return {}

    @property
    def sound(self) -> list[History]:
        """Histories that can be read and built."""
        return [history for name, history in self.good.items() if name not in self.built.errors]

    @cached_property
    def _fits(self) -> dict[str, Mapping[Applied, tuple[Change, ...]] | AegisError]:
        return {}

    @cached_property
    def incomparable(self) -> Refused | None:
        """Why nothing can be held against the live schema: it is about the servers, and says nothing of a history."""
        from aegisdb.building.proof_target import comparable

        try:
            comparable(self.ws, self.conn)
        except Refused as error:
            return error
        return None

    def fits(self, service: str) -> Mapping[Applied, tuple[Change, ...]] | AegisError:
        """How far the live schema is from what each revision of a service builds, or why that is not known."""
        if service not in self._fits:
            from aegisdb.drift.revision_match import distances

            try:
                self._fits[service] = distances(self.ws, self.conn, self.good[service])
            except AegisError as error:
                self._fits[service] = error
        return self._fits[service]

    @cached_property
    def described(self) -> dict[str, dict[str, Any] | AegisError]:
        """What each service's env.py tells Alembic, from a run of it without a database."""
        from aegisdb.doctor.env_description import describe_all

        return describe_all(self.ws, [*self.good.values()])


def _on_database(ws: Workspace, server: Connection | None) -> Connection:
    """A session on the database; where there can be but one, in place of that to the server."""
    from aegisdb.building.proof_target import proving

    try:
        return ws.connect()
    except TooFewSessions:
        if server is None:
            raise
        server.close()
    with suppress(AegisError):
        proving(ws)  # which may have to ask the target, and cannot do so later
    return ws.connect()


@contextmanager
def examined(ws: Workspace) -> Iterator[Patient]:
    """The patient with what can be reached of its server and database; connections end with the block."""
    from contextlib import ExitStack

    from aegisdb.postgres.databases import maintenance

    with ExitStack() as stack:
        server = database = unreachable = None
        try:
            server = stack.enter_context(maintenance(ws.address(), application="aegisdb: doctor"))
        except Unreachable as error:
            unreachable = error
        # a hosted server may keep the role out of `postgres`
        if unreachable is None or isinstance(unreachable, LoginRefused | NoDatabase):
            try:
                database = stack.enter_context(_on_database(ws, server))
                server = None if server is not None and server.closed else server
                for conn in filter(None, (server, database)):
                    if conn.identity().server_version < OLDEST:
                        break  # that is all there is to find
                    conn.stay()  # it waits for references that are built elsewhere
                database.wait_briefly()
            except Unreachable as error:
                unreachable = error
        yield Patient(ws, server, database, unreachable)
