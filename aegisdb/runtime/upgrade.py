"""Applies pending revisions of several services to one database, in cross-service order."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

from aegisdb.applied.journal_order import waits_of_life
from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import AegisError
from aegisdb.revisions.independence import waits
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.order import waits as waits_of_files
from aegisdb.revisions.sequence import joined, sequence
from aegisdb.runtime.history_base import lay_ground
from aegisdb.runtime.parallel import Lanes
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import RECORDED, StepOptions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection, Identity
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.ended_together import EndedTogether
    from aegisdb.runtime.step_results import StepDone

Steps = tuple["History", tuple["Revision", ...]]

_WORTH_IT = 16  # revisions; fewer are done one service after the other, in an order that everybody expects
_WIDEST = 4  # services at once: the server has work to do as well
_NAMES = """
WITH own AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
part AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
SELECT relname::text FROM pg_class WHERE relnamespace IN (TABLE own) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
UNION SELECT proname::text FROM pg_proc
WHERE pronamespace IN (TABLE own) AND ('pg_proc'::regclass, oid) NOT IN (TABLE part)
UNION SELECT typname::text FROM pg_type WHERE typnamespace IN (TABLE own) AND typtype IN ('e', 'd', 'r')
UNION SELECT nspname::text FROM pg_namespace n
WHERE EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = '_ag_label_vertex')
"""


def apply_histories(
    registry: Registry,
    address: Address,
    identity: Identity,
    *,
    to: Mapping[str, tuple[str, ...]] | None = None,
    services: Collection[str] | None = None,
    live: Address | None = None,
    options: StepOptions = RECORDED,
    bindir: Path | None = None,
) -> tuple[StepDone, ...]:
    """Bring a database to head, or to the revisions of `to` (a service that `to` leaves out gets nothing).

    The caller holds the lock and answers for safety. What ran in the database `live` is done in the order that it had
    there, where revisions of two services touch the same things. `bindir` has the psql for bases in SQL.

    Raises:
        HistoryError: a history is broken; RevisionFailed and others: as `Session.upgrade_one`.
    """
    from aegisdb.postgres.connection import connect

    histories = good_histories(registry)
    order = chosen(registry, histories, to=to, services=services)
    with connect(address) as conn:
        if options.journal:
            from aegisdb.postgres.side_schema import ensure

            ensure(conn)
        lay_ground(registry, conn, order, bindir=bindir, listen=options.listen)
        applied = read_versions(conn, histories.values())
    todo = [(history, _pending(history, applied[history.service], to)) for history in order]
    with Sessions(registry, address, identity, options, live) as sessions, _named(sessions):
        return tuple(sessions.upgrade([(history, steps) for history, steps in todo if steps]))


def chosen(
    registry: Registry,
    histories: Mapping[str, History],
    *,
    to: Mapping[str, tuple[str, ...]] | None,
    services: Collection[str] | None,
) -> list[History]:
    """The histories that `apply_histories` applies, in the order of their services."""
    names = service_order(registry, histories)
    return [histories[n] for n in names if (services is None or n in services) and (to is None or to.get(n))]


@contextmanager
def _named(sessions: Sessions) -> Iterator[None]:
    """Let an error say whose history failed."""
    try:
        yield
    except AegisError as error:
        error.service = error.service or "".join(sessions.at_work[:1])
        raise


def _pending(
    history: History, applied: tuple[str, ...], to: Mapping[str, tuple[str, ...]] | None
) -> tuple[Revision, ...]:
    if to is None:
        return history.pending(applied)
    wanted = history.ancestors(to.get(history.service, ()))
    return tuple(revision for revision in history.pending(applied) if revision.id in wanted)


def in_order(registry: Registry, todo: Sequence[Steps], live: Address | None = None) -> list[Steps]:
    """These steps in the order in which they are to be done, whoever does them.

    A service stands there more than once where its revisions wait for those of others: because their files say so, or
    because they ran later in the database `live`.

    Raises:
        BadInput: revisions need each other in a circle.
    """
    histories = {history.service: history for history, _ in todo}
    if len(histories) < 2:  # noqa: PLR2004  two of them
        return list(todo)
    waits_there = waits_of_life(registry, live, list(histories.values())) if live is not None else {}
    return sequence(todo, joined(waits_of_files(registry, histories), waits_there))


def names_in(conn: Connection) -> set[str]:
    """Names of what the database has now, as `independence.waits` asks for: relations, functions, types and graphs."""
    return {row[0] for row in conn.rows(_NAMES)}


class Sessions:
    """Workers of several services: the next one starts while the one before still works.

    Where much is to be done, services that do not know of each other work side by side (`lanes`); with `observe`,
    somebody looks at the database after each step, so never.
    """

    def __init__(
        self,
        registry: Registry,
        address: Address,
        identity: Identity,
        options: StepOptions = RECORDED,
        live: Address | None = None,
        *,
        watch: EndedTogether | None = None,
    ) -> None:
        """`live`: the database whose order is followed, as `in_order` does. `watch` is told each session."""
        self._registry = registry
        self._live = live
        self._address = address
        self._observe = options.observe
        self._watch = watch
        self._make = partial(Session, registry, address=address, identity=identity, options=options)
        self._open: dict[str, Session] = {}
        self._lanes: Lanes | None = None
        self._at_work: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind and self._lanes is not None:
            self._lanes.stop()
        for session in self._open.values():
            session.abort() if kind else session.close()

    @property
    def at_work(self) -> tuple[str, ...]:
        """Services whose next revision has been begun and is not done; where one has failed, that one."""
        return self._lanes.at_work if self._lanes is not None else self._at_work

    def upgrade(self, todo: Sequence[Steps]) -> Iterator[StepDone]:
        """Do the steps, in the order that `in_order` has; each is yielded when it is committed."""
        listed = in_order(self._registry, todo, self._live)
        width = 1 if self._observe or len(todo) < 2 or sum(len(steps) for _, steps in todo) < _WORTH_IT else _width()  # noqa: PLR2004
        if width == 1 or listed != list(todo):
            yield from self._one_by_one(listed)
            return
        self._lanes = Lanes(todo, waits(self._registry, todo, self._names()), self._session, width)
        yield from self._lanes.upgrade()

    def _one_by_one(self, todo: Sequence[Steps]) -> Iterator[StepDone]:
        services = [history.service for history, _ in todo]
        for index, (history, steps) in enumerate(todo):
            self._at_work = (history.service,)
            session = self._session(history)
            if index + 1 < len(todo):
                self._session(todo[index + 1][0])
            for revision in steps:
                yield session.upgrade_one(revision.id)
            if history.service not in services[index + 1 :]:
                session.close()
        self._at_work = ()

    def _names(self) -> set[str]:
        from aegisdb.postgres.connection import connect

        with connect(self._address) as conn:
            return names_in(conn)

    def _session(self, history: History) -> Session:
        if history.service not in self._open:
            session = self._make(history=history)
            if self._watch is not None:
                self._watch(session)
            self._open[history.service] = session
            session.start(ahead=True)
        return self._open[history.service]


def _width() -> int:
    # two more than processors: there is always one that waits for the server, and one that connects or loads its models
    if sys.platform == "linux":
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return min(_WIDEST, processors + 2)
