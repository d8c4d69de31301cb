"""What the commands share whose parts are done by workers of an engine.

A worker opens services.yaml by itself, at the same path and with variables of its own: what goes there are names and
hashes, and no secret. It does nothing where its files, its aegisdb or its server are others than here.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from aegisdb.building.content_hash import digest_chain, level_hashes
from aegisdb.building.proof_target import proving_here
from aegisdb.engines.calls import repeated
from aegisdb.engines.other_side import OTHER_CODE, code_of_aegisdb, require_same, this_worker
from aegisdb.errors import AegisError, HistoryError, Unreachable
from aegisdb.postgres import databases
from aegisdb.postgres.scratch import sweep
from aegisdb.progress import Event
from aegisdb.proofs import memory
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.row_tests import files_of_tests
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.loaded_code import content
from aegisdb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aegisdb.engines.engine import Engine
    from aegisdb.progress import Listener
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

O = TypeVar("O")  # noqa: E741  an order
T = TypeVar("T")


@dataclass(frozen=True)
class Sight:
    """What an answer depends on, as one side sees it."""

    code: str
    files: str
    server: int


_OTHERWISE = {
    "code": OTHER_CODE,
    "files": ("other files", "give the workers the same checkout: services.yaml, SQL of the base, all histories"),
    "server": ("another server", "name a target as `proof:` whose URL leads both to the same server"),
}


@dataclass(frozen=True)
class Place:
    """Where the parts of a run are done, in words that mean the same to every process which has the same files."""

    run: str
    """A new one for each run, so that a worker reads its files once a run."""
    host: str
    registry: str
    target: str
    services: tuple[str, ...]
    silent: frozenset[str]
    """Services whose histories do not count."""
    sight: Sight

    @property
    def here(self) -> bool:
        """Whether this process is on the machine of the command."""
        return self.host == socket.gethostname()


@dataclass(frozen=True)
class There:
    """A place as a worker finds it."""

    ws: Workspace
    """The workspace with the services that count."""
    whole: Workspace
    """The workspace with all services: whoever owns something still owns it."""
    histories: Mapping[str, History]


def place_of(ws: Workspace) -> Place:
    """The place of a run on this workspace, whose proofs are made on its own target."""
    services = ws.registry.services
    return Place(
        run=secrets.token_hex(8),
        host=socket.gethostname(),
        registry=str(ws.registry.path),
        target=ws.target,
        services=tuple(services),
        silent=frozenset(name for name, settings in services.items() if settings.alembic is None),
        sight=_sight(ws, _readable(ws)),
    )


@lru_cache(maxsize=1)
def opened(place: Place) -> There:
    """Open the place in a worker's process.

    Raises:
        Refused: this worker sees something else than who ordered it.
    """
    try:
        whole = proving_here(workspace_of(place.registry, place.target))
        ws = _reduced(whole, place)
        there = There(ws, whole, _readable(ws))
        seen = _sight(there.ws, there.histories)
    except AegisError as error:
        raise error.amended(message=f"{this_worker()}: {error.message}") from None
    require_same(vars(seen), vars(place.sight), _OTHERWISE)
    warm_process(there.ws.registry)
    return there


def workspace_of(registry: str, target: str = "") -> Workspace:
    """Open this services.yaml in a worker's process, whatever its own directory and AEGIS_REGISTRY are."""
    path = Path(registry)
    return open_workspace(target=target, cwd=path.parent, environ={**os.environ, "AEGIS_REGISTRY": str(path)})


def _reduced(ws: Workspace, place: Place) -> Workspace:
    ws = ws.without(name for name in ws.registry.services if name not in place.services)
    services = {
        name: replace(settings, alembic=None) if name in place.silent else settings
        for name, settings in ws.registry.services.items()
    }
    return replace(ws, registry=replace(ws.registry, file=replace(ws.registry.file, services=services)))


def _readable(ws: Workspace) -> dict[str, History]:
    found = read_histories(ws.registry)
    return {name: history for name, history in found.items() if not isinstance(history, HistoryError)}


def _sight(ws: Workspace, histories: Mapping[str, History]) -> Sight:
    with databases.maintenance(ws.address(), application="aegisdb: proofs", client=ws.client) as conn:
        base = level_hashes(ws, conn, "base")["base"]
        server = conn.identity().system_identifier
    ordered = [histories[name] for name in service_order(ws.registry, histories)]
    tests = [content(str(path)) for one in ordered for path in files_of_tests(one, frozenset(one.revisions)).values()]
    files = memory.what(base, *digest_chain(ws.registry, base, ordered, read=False), *tests)
    return Sight(code_of_aegisdb(), files, server)


def elapsed(value: object) -> float | None:
    """Say that an answer has no seconds of its own."""
    del value
    return None


@dataclass(frozen=True)
class Telling(Generic[O, T]):
    """How a person who waits is told of parts."""

    step: str
    again: str
    """What is done with a part that the engine lost, such as "proven again"."""
    words: Callable[[O], str]
    seconds: Callable[[T], float | None] = elapsed


def spread(
    listen: Listener, there: Engine, call: Callable[[O], T], orders: Sequence[O], telling: Telling[O, T]
) -> dict[int, T]:
    """Let the engine make the calls, as `repeated` does; a line tells of each that comes back, or does not.

    Raises:
        what a call raises.
    """
    note = f"{there.width} at once on {there.name}"
    count = len(orders)
    listen(Event(step=telling.step, subject=f"{count} part{'s' * (count != 1)}:", note=note, seconds=0.0))
    tell = _Teller(listen, telling)
    return repeated(there, call, orders, tell.came, tell.lost)


class _Teller(Generic[O, T]):
    def __init__(self, listen: Listener, telling: Telling[O, T]) -> None:
        self._listen = listen
        self._telling = telling
        self._began = time.monotonic()

    def came(self, order: O, value: T) -> None:
        """Tell that it is there."""
        self._tell(order, "", self._telling.seconds(value))

    def lost(self, order: O, why: str) -> None:
        """Tell that it is done once more."""
        self._tell(order, f"the engine does not know how it ended ({why[:200]}): {self._telling.again}", None)

    def _tell(self, order: O, note: str, seconds: float | None) -> None:
        took = time.monotonic() - self._began if seconds is None else seconds
        subject = f"{self._telling.words(order)}{':' * bool(note)}"
        self._listen(Event(step=self._telling.step, subject=subject, note=note, seconds=took))


@contextmanager
def swept(ws: Workspace) -> Iterator[None]:
    """Drop in the end what workers that died have left."""
    try:
        yield
    finally:
        # where the server is gone, the body tells it
        with suppress(Unreachable), databases.maintenance(ws.address(), application="aegisdb: proofs") as conn:
            sweep(conn, ws.address().database)
