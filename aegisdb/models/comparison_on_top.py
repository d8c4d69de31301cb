"""The models of a service against its histories and one new revision, applied on a copy of what was there before.

A template of the histories at their new heads would be built from the base schema up, for one question.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from aegisdb.building.proof_target import proving
from aegisdb.building.templates import known_template
from aegisdb.fingerprint import read
from aegisdb.models.both_sides import BothSides
from aegisdb.models.comparison import compared
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch, works_beside
from aegisdb.runtime.ended_together import EndedTogether
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aegisdb.models.both_sides import Sides
    from aegisdb.models.results import ModelsCompared
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@contextmanager
def comparing_on_top(
    ws: Workspace, before: Mapping[str, History], history: History, revision: str, models: Sides | None = None
) -> Iterator[Callable[[], ModelsCompared | None]]:
    """Compare with the revision on top of the histories `before`, beside the block where that may be.

    `models` are what was built on those before. Where the new head is the same they need not be built on it again.

    What is yielded waits for what is found; None where no template has these. It raises RevisionFailed where the
    revision does not apply there. Where nobody asks, the comparison ends with the block.
    """
    watch = EndedTogether()
    compare = partial(_compare, ws, before, history, revision, models, watch)
    if not works_beside(own=proving(ws).server.own):
        yield compare
        return
    with ThreadPoolExecutor(1, thread_name_prefix="compare") as pool:
        try:
            yield pool.submit(compare).result
        finally:
            watch.stop()


def _compare(
    ws: Workspace,
    before: Mapping[str, History],
    history: History,
    revision: str,
    models: Sides | None,
    watch: EndedTogether,
) -> ModelsCompared | None:
    there = proving(ws)
    source = known_template(there, "histories", before)
    if not source:
        return None
    with (
        scratch(there.address(), template=source, label="new", soon=there.server.own) as address,
        connect(address) as conn,
    ):
        options = StepOptions(listen=ws.listen, journal=False)
        made = Session(there.registry, history, address, conn.identity(), options)
        watch(made)
        with made as session:
            session.upgrade_one(revision)
            both = BothSides(there, source, ws, read(conn))
            if models is not None:
                found = compared(both, history, both.sides(history.service, models.built, models.whole))
                if not (found.changes or found.not_built or models.built.plugins.modules):
                    return found
            built = session.build_models(both.parts.owned(history.service))
        return compared(both, history, both.sides(history.service, built, read(conn)))
