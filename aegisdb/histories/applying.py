"""Applies pending revisions of several services to one database, in cross-service order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aegisdb.histories.grounding import lay_ground
from aegisdb.histories.order import service_order
from aegisdb.histories.reading import good_histories
from aegisdb.histories.session import Session
from aegisdb.histories.versions import read_versions
from aegisdb.progress import Listener, silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.histories.revisions import History
    from aegisdb.histories.scan import Revision
    from aegisdb.histories.session import StepDone
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Identity
    from aegisdb.registry.types import Registry

Steps = tuple["History", tuple["Revision", ...]]


def apply_histories(
    registry: Registry,
    address: Address,
    identity: Identity,
    *,
    to: Mapping[str, tuple[str, ...]] | None = None,
    services: Iterable[str] | None = None,
    listen: Listener = silent,
    journal: bool = True,
) -> tuple[StepDone, ...]:
    """Bring a database to head, or to the revisions of `to` (a service that `to` leaves out gets nothing).

    The caller holds the lock and answers for safety. `journal` False leaves no trace in the side schema, for databases
    that are thrown away or copied.

    Raises:
        HistoryError: a history is broken; RevisionFailed and others: as `Session.upgrade_one`.
    """
    from aegisdb.postgres.connection import connect

    histories = good_histories(registry)
    wanted = set(histories if services is None else services)
    with connect(address) as conn:
        if journal:
            from aegisdb.postgres.side_schema import ensure

            ensure(conn)
        order = [name for name in service_order(registry, histories) if name in wanted and (to is None or to.get(name))]
        lay_ground(registry, conn, [histories[name] for name in order], listen=listen)
        applied = read_versions(conn, histories.values())
    todo = [(histories[name], _pending(histories[name], applied[name], to)) for name in order]
    with Sessions(registry, address, identity, listen=listen, journal=journal) as sessions:
        return tuple(sessions.upgrade([(history, steps) for history, steps in todo if steps]))


def _pending(
    history: History, applied: tuple[str, ...], to: Mapping[str, tuple[str, ...]] | None
) -> tuple[Revision, ...]:
    if to is None:
        return history.pending(applied)
    wanted = history.ancestors(to.get(history.service, ()))
    return tuple(revision for revision in history.pending(applied) if revision.id in wanted)


class Sessions:
    """Workers of several services, one after the other; the next one starts while the one before still works."""

    def __init__(  # noqa: PLR0913  choices of their own, all by keyword
        self,
        registry: Registry,
        address: Address,
        identity: Identity,
        *,
        listen: Listener = silent,
        journal: bool = True,
        timeout: float | None = None,
        command: str = "",
        strict: bool = False,
        observe: bool = False,
    ) -> None:
        self._registry = registry
        self._address = address
        self._identity = identity
        self._listen = listen
        self._journal = journal
        self._timeout = timeout
        self._command = command
        self._strict = strict
        self._observe = observe
        self._open: dict[str, Session] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for session in self._open.values():
            session.abort() if kind else session.close()

    def upgrade(self, todo: Sequence[Steps]) -> Iterator[StepDone]:
        """Do the steps; each is yielded when it is committed."""
        for index, (history, steps) in enumerate(todo):
            session = self._session(history)
            if index + 1 < len(todo):
                self._session(todo[index + 1][0])
            for revision in steps:
                yield session.upgrade_one(revision.id)
            session.close()

    def _session(self, history: History) -> Session:
        if history.service not in self._open:
            session = Session(
                self._registry,
                history,
                self._address,
                self._identity,
                listen=self._listen,
                journal=self._journal,
                timeout=self._timeout,
                command=self._command,
                strict=self._strict,
                observe=self._observe,
            )
            self._open[history.service] = session
            session.start()
        return self._open[history.service]
