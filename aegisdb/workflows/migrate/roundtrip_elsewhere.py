"""Parts of a roundtrip proven by the workers of an engine, and by this process where the engine loses them.

A worker opens services.yaml by itself, at the same path and with variables of its own: what goes there are names and
hashes, and no secret. It proves nothing where its files, its aegisdb or its server are others than here.
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
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import digest_chain, level_hashes
from aegisdb.engines.calls import repeated
from aegisdb.engines.choice import engine
from aegisdb.engines.other_side import OTHER_CODE, code_of_aegisdb, require_same, this_worker
from aegisdb.errors import AegisError, Unreachable
from aegisdb.postgres import databases
from aegisdb.postgres.scratch import sweep
from aegisdb.progress import Event
from aegisdb.proofs import memory
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.row_tests import files_of_tests
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.loaded_code import content
from aegisdb.workflows.migrate.roundtrip_parts import Part, PartProver, Proved, side_by_side
from aegisdb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aegisdb.progress import Listener
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Sight:
    """What a proof depends on, as one side sees it."""

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
    """Where the parts of a run are proven, in words that mean the same to every process which has the same files."""

    run: str
    """A new one for each run, so that a worker reads its files once a run."""
    host: str
    registry: str
    target: str
    services: tuple[str, ...]
    silent: frozenset[str]
    """Services whose histories do not count."""
    sight: Sight


@dataclass(frozen=True)
class Order:
    """A part to be proven at a place."""

    place: Place
    part: Part


def prove_elsewhere(
    ws: Workspace,
    histories: Mapping[str, History],
    name: str,
    cut: Callable[[int], Sequence[Part]],
    width: int,
) -> list[Proved]:
    """Prove the parts that `cut` makes for so many workers; those that are lost here, `width` at once.

    Raises:
        Unreachable: the engine does not answer. Refused: a worker sees other files, or another server or aegisdb.
    """
    prover = PartProver(ws, histories)  # what every worker needs is built once
    with _swept(ws), engine(name) as there:
        parts = cut(there.width)
        place = _place(ws, histories)
        note = f"{there.width} at once on {there.name}"
        ws.listen(Event(step="prove", subject=f"{len(parts)} part{'s' * (len(parts) != 1)}:", note=note, seconds=0.0))
        tell = _Teller(ws.listen)
        found = repeated(there, prove_part, [Order(place, part) for part in parts], tell.came, tell.lost)
    lost = [at for at in range(len(parts)) if at not in found]
    if lost:
        warm_process(ws.registry)
        found |= zip(lost, side_by_side(prover, [parts[at] for at in lost], width), strict=True)
    return [found[at] for at in range(len(parts))]


def prove_part(order: Order) -> Proved:
    """Prove one part in a worker's process.

    Raises:
        Refused: this worker sees something else than who ordered it; and what the proof raises.
    """
    proved = _prover(order.place).prove(order.part)
    # what was imported counts where it lies, which is not here on another machine
    return proved if order.place.host == socket.gethostname() else replace(proved, loaded=None)


@lru_cache(maxsize=1)
def _prover(place: Place) -> PartProver:
    try:
        ws = _opened(place)
        histories = good_histories(ws.registry)
        seen = _sight(ws, histories)
    except AegisError as error:
        raise error.amended(message=f"{this_worker()}: {error.message}") from None
    require_same(vars(seen), vars(place.sight), _OTHERWISE)
    warm_process(ws.registry)
    return PartProver(ws, histories)


def _opened(place: Place) -> Workspace:
    path = Path(place.registry)
    ws = open_workspace(target=place.target, cwd=path.parent, environ={**os.environ, "AEGIS_REGISTRY": str(path)})
    ws = ws.without(name for name in ws.registry.services if name not in place.services)
    services = {
        name: replace(settings, alembic=None) if name in place.silent else settings
        for name, settings in ws.registry.services.items()
    }
    return replace(ws, registry=replace(ws.registry, file=replace(ws.registry.file, services=services)))


def _place(ws: Workspace, histories: Mapping[str, History]) -> Place:
    services = ws.registry.services
    return Place(
        run=secrets.token_hex(8),
        host=socket.gethostname(),
        registry=str(ws.registry.path),
        target=ws.target,
        services=tuple(services),
        silent=frozenset(name for name, settings in services.items() if settings.alembic is None),
        sight=_sight(ws, histories),
    )


def _sight(ws: Workspace, histories: Mapping[str, History]) -> Sight:
    with databases.maintenance(ws.address(), application="aegisdb: proofs", client=ws.client) as conn:
        base = level_hashes(ws, conn, "base")["base"]
        server = conn.identity().system_identifier
    ordered = [histories[name] for name in service_order(ws.registry, histories)]
    tests = [content(str(path)) for one in ordered for path in files_of_tests(one, frozenset(one.revisions)).values()]
    files = memory.what(base, *digest_chain(ws.registry, base, ordered), *tests)
    return Sight(code_of_aegisdb(), files, server)


class _Teller:
    """Tells a line for each part that comes back, or does not."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._began = time.monotonic()

    def came(self, order: Order, proved: Proved) -> None:
        """Tell that it is there."""
        self._tell(order, "", proved.proof.seconds)

    def lost(self, order: Order, why: str) -> None:
        """Tell that it is proven once more."""
        note = f"the engine does not know how it ended ({why[:200]}): proven again"
        self._tell(order, note, time.monotonic() - self._began)

    def _tell(self, order: Order, note: str, seconds: float) -> None:
        count = len(order.part.scope)
        subject = f"{order.part.service}, {count} revision{'s' * (count != 1)}{':' * bool(note)}"
        self._listen(Event(step="prove", subject=subject, note=note, seconds=seconds))


@contextmanager
def _swept(ws: Workspace) -> Iterator[None]:
    """Drop in the end what workers that died have left."""
    try:
        yield
    finally:
        # where the server is gone, the body tells it
        with suppress(Unreachable), databases.maintenance(ws.address(), application="aegisdb: proofs") as conn:
            sweep(conn, ws.address().database)
