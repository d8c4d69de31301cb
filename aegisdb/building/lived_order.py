"""Whether histories can be built one service after the other, or only in the order in which their revisions ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.journal_order import waits_of_life
from aegisdb.errors import Failed
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.runtime.upgrade import apply_histories, chosen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aegisdb.postgres.address import Address
    from aegisdb.workspace import Workspace


def database_to_follow(
    ws: Workspace,
    address: Address,
    *,
    to: Mapping[str, tuple[str, ...]] | None = None,
    services: Collection[str] | None = None,
) -> Address | None:
    """Return the live database where the histories can be built in its order only; None where a fresh one needs none.

    What a neighbour's later revision took away shows only in a database that is built service by service, as every
    fresh one is. So where revisions ran in another order, a copy of `address` tries that first. Nobody is connected to
    `address`; `to` and `services` are those of `apply_histories`.

    Raises:
        HistoryError: a history is broken; Busy: somebody is connected to `address`.
    """
    order = chosen(ws.registry, good_histories(ws.registry), to=to, services=services)
    if not waits_of_life(ws.registry, ws.address(), order):
        return None
    with scratch(ws.address(), template=address.database, label="order of services", soon=ws.server.own) as trial:
        with connect(trial, application="aegisdb: order of services") as conn:
            identity = conn.identity()
        try:
            apply_histories(
                ws.registry, trial, identity, to=to, services=services, options=UNRECORDED, bindir=ws.server.bindir()
            )
        except Failed:
            return ws.address()
    return None
