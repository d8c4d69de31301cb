"""Parts of a plan rehearsed by the workers of an engine, each on a copy of the database that the command has made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.workflows.migrate.elsewhere import Place, Telling, opened, place_of, spread, swept
from aegisdb.workflows.migrate.plan_parts import (
    Part,
    Pending,
    Rehearsed,
    hidden_dependency,
    name_of,
    put_together,
    rehearse_part,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.engines.engine import Engine
    from aegisdb.postgres.address import Address
    from aegisdb.revisions.history import History
    from aegisdb.runtime.upgrade import Steps
    from aegisdb.workflows.migrate.plan_parts import Parts
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """A part to be rehearsed at a place, on a copy of a database of its server."""

    place: Place
    part: Part
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    """Service and revisions of all that is pending."""
    ignored: frozenset[str]
    timeout: float
    database: str


def rehearse_elsewhere(
    ws: Workspace, pending: Pending, parts: Parts, stage: Address, there: Engine
) -> tuple[Rehearsed | None, Sequence[Part]]:
    """Let an engine rehearse parts on copies of `stage`; those that it loses are rehearsed here.

    With the parts; None where these are not the whole: a revision failed, which counts only after everything before it,
    or two of them touch a table, of which their files say nothing.

    Raises:
        Refused: a worker sees other files, or another server or aegisdb.
    """
    with swept(ws):
        place = place_of(ws)
        steps = tuple((history.service, tuple(one.id for one in revisions)) for history, revisions in pending.todo)
        cut = parts.cut(pending.own, there.width)
        orders = [Order(place, part, steps, pending.ignored, pending.timeout, stage.database) for part in cut]
        found = spread(ws.listen, there, rehearse_order, orders, _TELLING)
    for at, order in enumerate(orders):
        if at not in found:
            found[at] = _on_copy(ws, pending.todo, order)
    return whole(ws, pending.order, cut, [found[at] for at in range(len(cut))]), cut


def whole(ws: Workspace, order: tuple[str, ...], cut: Sequence[Part], found: Sequence[Rehearsed]) -> Rehearsed | None:
    """Put together what the parts have found; None where that is not the whole, as of `rehearse_elsewhere`."""
    stopped = next((one for one in found if one.error is not None and not one.doubtful), None)
    if stopped is not None:
        return stopped
    failed = next((one for one in found if one.doubtful), None)
    why = f"{failed.failed or 'a part'} failed" if failed else ""
    why = why or hidden_dependency(order, [(part.applied, one.revisions) for part, one in zip(cut, found, strict=True)])
    if not why:
        revisions, _ = put_together(order, [(one.revisions, "") for one in found], name_of)
        return Rehearsed(tuple(revisions))
    ws.listen(Event(step="plan", subject="all parts:", note=f"{why}: rehearsed again in one piece", seconds=0.0))
    return None


def rehearse_order(order: Order) -> Rehearsed:
    """Rehearse one part in a worker's process.

    Raises:
        Refused: this worker sees something else than who ordered it.
    """
    there = opened(order.place)
    return _on_copy(there.ws, [_steps(there.histories[name], ids) for name, ids in order.steps], order)


def _steps(history: History, revisions: Sequence[str]) -> Steps:
    return history, tuple(history.revisions[identifier] for identifier in revisions)


def _on_copy(ws: Workspace, todo: Sequence[Steps], order: Order) -> Rehearsed:
    with (
        scratch(ws.address(), template=order.database, label="plan") as copy,
        connect(copy, application="aegisdb: plan") as conn,
    ):
        return rehearse_part(ws, conn, todo, order.part, order.ignored, timeout=order.timeout)


def _words(order: Order) -> str:
    names = sorted(order.part.own)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    first = f", after {len(order.part.first)} of other parts" if order.part.first else ""
    return f"{names[0]}{more}{first}"


_TELLING: Telling[Order, Rehearsed] = Telling("plan", "rehearsed again", _words)
