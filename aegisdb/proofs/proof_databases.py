"""The scratch databases of a proof: the base schema, what the service needs, and what it stands on itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aegisdb.building.beginnings import Beginning, beginning
from aegisdb.errors import Failed, Interrupted
from aegisdb.fingerprint.following import Follower
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.runtime.history_base import lay_ground
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED, StepOptions
from aegisdb.runtime.upgrade import apply_histories

if TYPE_CHECKING:
    from aegisdb.fingerprint import Fingerprint
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection, Identity
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

Watch = Callable[[Session], None]
"""Is told each session when it is made, so that Ctrl-C can end it from another thread."""


class GroundBroken(Exception):
    """What the service starts on cannot be made; `code` is that of a finding."""

    def __init__(self, code: str, error: Failed) -> None:
        super().__init__(error.message)
        self.code = code
        self.error = error


@dataclass(frozen=True)
class Stage:
    """A scratch database, the service's session on it, and a connection to look at it."""

    session: Session
    conn: Connection
    follower: Follower

    def begin(self) -> None:
        """Read the database as it is now, while the session's process loads env.py and the revisions.

        env.py may write meanwhile: before a step is judged there must be another reading.
        """
        self.session.start(ahead=True)
        self.follower.read()

    def fingerprint(self, *, undone: bool = False) -> Fingerprint:
        """The fingerprint of the database as it is now; nobody else works on it. `undone`: as of `Follower.read`."""
        return self.follower.read(undone=undone)


class Ground:
    """Makes stages of one service, all alike; a context manager, because the ground of later ones is kept."""

    def __init__(
        self,
        ws: Workspace,
        history: History,
        needs: Mapping[str, tuple[str, ...]],
        template: str,
        watch: Watch,
        *,
        alone: bool,
    ) -> None:
        """`needs`: what is to be applied first, by service the revisions to reach."""
        self._ws = ws
        self._alone = alone
        self._history = history
        self._needs = needs
        self._template = template
        self._beginning: Beginning | None = None
        self._watch = watch
        self._made_by_hand = ws.registry.services[history.service].base is not None
        self._stages = 0
        self._kept: str | None = None
        self._session: Session | None = None
        self._served = 0
        """Databases that the process of the session has seen."""
        self._fresh = False
        self.loaded: Loaded | None = None
        """What the service's process had imported at the end of the last stage."""
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._cleanup.__exit__(*error)  # type: ignore[arg-type]

    @property
    def begun(self) -> int:
        """How many of the history's first revisions each database has from the start."""
        return self._beginning.revisions if self._beginning else 0

    def begin(self, revisions: Sequence[Revision]) -> None:
        """Give each database from now on those of these first revisions that a template has.

        Not where a database needs more than its template before its first revision.
        """
        if not (self._needs or self._made_by_hand):
            self._beginning = beginning(self._ws, self._history, self._template, revisions, self._watch)

    @contextmanager
    def stage(self, *, single: bool = False) -> Iterator[Stage]:
        """A database with everything below the service's first revision (or at its `stamp`); `single`: of one proof.

        Raises:
            GroundBroken: a service that this one needs does not apply, or its base cannot be made.
        """
        with ExitStack() as stack:
            address = stack.enter_context(self._database())
            conn = stack.enter_context(connect(address, application="aegisdb: roundtrip"))
            beside = stack.enter_context(connect(address, application="aegisdb: roundtrip")) if self._alone else None
            session = self._on(address, conn.identity())
            # a full reading is made by two processes of the server, where there is a processor for the second
            follower = Follower(conn, beside, few=single)
            yield Stage(session, conn, follower)
            loaded = session.release()
            self.loaded = loaded.and_of(self._beginning.loaded) if loaded and self._beginning else loaded
            follower.confirm()

    def renew(self) -> bool:
        """From now on run all revisions in one process for each database; False where the last one had that already.

        What lives as long as a process (an engine kept on a module, a registry that a revision fills) belongs to the
        first database that it met, and is not there where the first revisions come from a template.
        """
        if self._beginning:
            self._beginning = None
            return True
        if self._fresh or self._served < 2:  # noqa: PLR2004  its first one cannot have been spoilt by another
            return False
        self._fresh = True
        note = "each database gets a process of its own: what its process keeps does not fit a second one"
        self._ws.listen(Event(step="from here", subject=self._history.service, note=note, seconds=0.0))
        return True

    def _on(self, address: Address, identity: Identity) -> Session:
        """The service's one session, on this database: its process and models are loaded once."""
        if self._session is not None:
            self._watch(self._session)
            if self._fresh:
                self._session.close()
            self._served = 1 if self._fresh else self._served + 1
            self._session.move(address, identity)
            return self._session
        self._served = 1
        session = Session(
            self._ws.registry, self._history, address, identity, StepOptions(listen=self._ws.listen, journal=False)
        )
        self._watch(session)
        self._session = self._cleanup.enter_context(session)
        return session

    @contextmanager
    def _database(self) -> Iterator[Address]:
        self._stages += 1
        if self._beginning:
            with self._scratch(self._beginning.template) as address:
                yield address
            return
        if self._kept is None and (self._stages > 1 or self._made_by_hand):
            # making the ground may take seconds: from the second stage on it is a clone
            address = self._cleanup.enter_context(self._scratch(self._template))
            self._lay(address)
            self._kept = address.database
        with self._scratch(self._kept or self._template) as address:
            if self._kept is None:
                self._lay(address)
            yield address

    @contextmanager
    def _scratch(self, template: str) -> Iterator[Address]:
        service = self._history.service
        with scratch(
            self._ws.address(), template=template, label=f"roundtrip {service}", soon=self._ws.server.own
        ) as address:
            self._ws.listen(Event(step="scratch database", subject=service, note=address.database))
            yield address

    def _lay(self, address: Address) -> None:
        ws = self._ws
        with connect(address, application="aegisdb: roundtrip") as conn:
            if self._needs:
                try:
                    apply_histories(
                        ws.registry,
                        address,
                        conn.identity(),
                        to=self._needs,
                        live=ws.address(),
                        options=UNRECORDED,
                        bindir=ws.server.bindir(),
                    )
                except Failed as error:
                    if not error.service:
                        raise
                    raise GroundBroken("needs_failed", error) from None
            try:
                lay_ground(ws.registry, conn, [self._history], bindir=ws.server.bindir(), listen=ws.listen)
            except Interrupted:
                raise
            except Failed as error:
                raise GroundBroken("base_failed", error) from None
