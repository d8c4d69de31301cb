"""`doctor --fleet`: the checks of databases for every member, those of the project once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb.building.proof_target import proving_together
from aegisdb.doctor.checks import CHECKS
from aegisdb.doctor.diagnosis import found_by, problems_of
from aegisdb.doctor.finding import NOTICE
from aegisdb.doctor.patient import Patient
from aegisdb.errors import UsageError
from aegisdb.fleets.answers import Answer, put_together
from aegisdb.fleets.asking import ask, chosen
from aegisdb.plain_text import some_of
from aegisdb.progress import silent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.building.buildable import Buildable
    from aegisdb.doctor.finding import Finding
    from aegisdb.errors import HistoryError
    from aegisdb.fleets.answers import FleetResult
    from aegisdb.ownership import Owners
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_NOT_OF_A_MEMBER = frozenset({"plain_alembic"})
"""Checks of a database that are about the target which a developer works on."""


@dataclass(frozen=True)
class _Member(Patient):
    """One member; what does not depend on it is the project's."""

    project: Patient

    @cached_property
    def histories(self) -> Mapping[str, History | HistoryError]:
        """Histories of the project, the same for all members."""
        return self.project.histories

    @cached_property
    def built(self) -> Buildable:
        """Databases that the project builds, the same for all members."""
        return self.project.built

    @cached_property
    def owners(self) -> Owners:
        """Owners of the project, the same for all members."""
        return self.project.owners


def fleet_doctor(ws: Workspace, *, fix: bool) -> FleetResult:
    """Look for everything that can be wrong with a member; members with the same findings are one group.

    Raises:
        UsageError: `fix`, which is for one target.
    """
    fleet = chosen(ws)
    if fix:
        hint = f"invoke doctor --fix --target {fleet.fleet}/MEMBER"
        raise UsageError("--fix is for one target", hint=hint, code="fleet_flag")
    if not fleet.members:
        return put_together(fleet, (), _answer)
    proving_together(ws, (member.target for member in fleet.members))
    project = Patient(ws, None, None, None)
    of_project = tuple(one for check in CHECKS if check.needs == "nothing" for one in found_by(check, project))
    _ = project.histories, project.built, project.owners  # found out here, before several threads ask for them

    def question(member: Workspace, conn: Connection) -> tuple[Finding, ...]:
        conn.stay()
        conn.wait_briefly()
        patient = _Member(replace(member, listen=silent), None, conn, None, project)
        asked = (check for check in CHECKS if check.needs == "database" and check.name not in _NOT_OF_A_MEMBER)
        return tuple(finding for check in asked for finding in found_by(check, patient))

    return put_together(fleet, ask(ws, question, "look"), _answer, also=tuple(problems_of(of_project)))


def _answer(findings: tuple[Finding, ...]) -> Answer:
    wrong = [finding for finding in findings if finding.exit_code != NOTICE]
    names = list(dict.fromkeys(f"{finding.check} ({finding.subject})" for finding in wrong))
    return Answer(
        text=some_of(names) or "nothing is wrong",
        key=tuple((finding.check, finding.subject) for finding in wrong),
        style="bad" if wrong else "ok",
        problems=tuple(problems_of(findings)),
        detail=findings,
    )
