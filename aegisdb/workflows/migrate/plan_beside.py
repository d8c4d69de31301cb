"""A plan in two parts side by side in this process, each on a copy of the same small database.

The parts are those that an engine gets, and what they find counts only where it is the whole. AEGIS_PLAN_ONE_BY_ONE=1
goes without.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING

from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch, works_beside
from aegisdb.runtime.ended_together import EndedTogether
from aegisdb.runtime.upgrade import names_in
from aegisdb.workflows.migrate.plan_elsewhere import whole
from aegisdb.workflows.migrate.plan_parts import Parts, rehearse_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.workflows.migrate.plan_parts import Part, Pending, Rehearsed
    from aegisdb.workspace import Workspace

_SWITCH = "AEGIS_PLAN_ONE_BY_ONE"
_SIZE = "SELECT pg_database_size(current_database())"
_SMALL = 134_217_728  # bytes: the times of a larger one are those of its rows, and a disk has no second copy to spare


def rehearse_beside(ws: Workspace, pending: Pending, stage: Address, *, own: bool) -> Rehearsed | None:
    """Rehearse on copies of `stage`, on whose server others than us work unless it is `own`.

    None where this does not pay or two parts are not the whole: then all is to be rehearsed on `stage`, which nobody
    has changed.
    """
    if not works_beside(own=own) or os.environ.get(_SWITCH) == "1" or (os.cpu_count() or 1) < 2:  # noqa: PLR2004
        return None
    with connect(stage, application="aegisdb: plan") as conn:
        if conn.value(_SIZE) >= _SMALL:
            return None
        cut = Parts(ws.registry, pending.todo, names_in(conn)).cut(pending.own, 2)
    if not _pays(pending, cut):
        return None
    watch = EndedTogether()

    def on_copy(part: Part) -> Rehearsed:
        with (
            scratch(stage, template=stage.database, label="plan", soon=True) as copy,
            connect(copy, application="aegisdb: plan") as conn,
        ):
            given = pending.todo, part, pending.ignored
            return rehearse_part(ws, conn, *given, timeout=pending.timeout, watch=watch)

    with ThreadPoolExecutor(len(cut), thread_name_prefix="plan") as pool, ExitStack() as ending:
        ending.callback(watch.stop)
        jobs = [pool.submit(on_copy, part) for part in cut]
        wait(jobs, return_when="FIRST_EXCEPTION")
        return whole(ws, pending.order, cut, [job.result() for job in jobs])


def _pays(pending: Pending, cut: Sequence[Part]) -> bool:
    """Whether each part applies at most three quarters of the revisions."""
    counts = {history.service: len(revisions) for history, revisions in pending.todo}
    largest = max(sum(counts[name] for name in part.applied) for part in cut)
    return 4 * largest <= 3 * sum(counts.values())
