"""Parts of a roundtrip proven by the workers of an engine, and by this process where the engine loses them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from aegisdb.engines.choice import engine
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.migrate.elsewhere import Place, Telling, opened, place_of, spread, swept
from aegisdb.workflows.migrate.roundtrip_parts import Part, PartProver, Proved, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


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
    with swept(ws), engine(name) as there:
        parts = cut(there.width)
        place = place_of(ws)
        found = spread(ws.listen, there, prove_part, [Order(place, part) for part in parts], _TELLING)
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
    return proved if order.place.here else replace(proved, loaded=None)


@lru_cache(maxsize=1)
def _prover(place: Place) -> PartProver:
    there = opened(place)
    return PartProver(there.ws, there.histories)


def _words(order: Order) -> str:
    count = len(order.part.scope)
    return f"{order.part.service}, {count} revision{'s' * (count != 1)}"


def _seconds(proved: Proved) -> float:
    return proved.proof.seconds


_TELLING = Telling("prove", "proven again", _words, _seconds)
