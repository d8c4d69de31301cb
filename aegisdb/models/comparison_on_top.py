"""The models of a service against its histories and one new revision, applied on a copy of what was there before.

A template of the histories at their new heads would be built from the base schema up, for one question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.building.proof_target import proving
from aegisdb.building.templates import known_template
from aegisdb.fingerprint import read
from aegisdb.models.both_sides import BothSides, Sides
from aegisdb.models.comparison import compared
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.models.results import ModelsCompared
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def compare_on_top(
    ws: Workspace, before: Mapping[str, History], history: History, revision: str
) -> ModelsCompared | None:
    """Apply the revision to what the histories `before` build, and compare; None where no template has these.

    Raises:
        RevisionFailed: it does not apply there.
    """
    there = proving(ws)
    source = known_template(there, "histories", before)
    if not source:
        return None
    with (
        scratch(there.address(), template=source, label="new", soon=there.server.own) as address,
        connect(address) as conn,
    ):
        options = StepOptions(listen=ws.listen, journal=False)
        with Session(there.registry, history, address, conn.identity(), options) as session:
            session.upgrade_one(revision)
            both = BothSides(there, source, ws, read(conn))
            built = session.build_models(both.parts.owned(history.service))
        sides = Sides(*both.parts.both(history.service, built, read(conn)), built)
        return compared(both, history, sides)
