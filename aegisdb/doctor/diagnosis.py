"""`doctor`: looks for everything that is known to go wrong, says cause and command, and fixes what is safe to fix."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.doctor.checks import CHECKS
from aegisdb.doctor.finding import DIRTY, NOTICE, Finding
from aegisdb.doctor.left_alone import Left, left_alone
from aegisdb.doctor.patient import examined
from aegisdb.errors import AegisError, Interrupted, Problem
from aegisdb.progress import Event, under_way
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.finding import Check
    from aegisdb.doctor.patient import Patient
    from aegisdb.workspace import Workspace

_LONG = 2.0  # seconds after which a check is told of when it has ended
_ROUNDS = 5  # a fixed server lets more be found, and a fixed history more still


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """One thing that `--fix` did about a finding; `proof` says whether it was looked for again in vain."""

    check: str
    subject: str
    did: str
    proof: str


@dataclass(frozen=True, kw_only=True)
class DoctorResult(Result):
    """Findings that are left now, after what was fixed."""

    disposable: str
    """Why this database may be destroyed; empty when it may not, or cannot be asked."""
    against: tuple[str, ...]
    """Reasons that forbid destroying it."""
    checked: int
    """Checks that could be made; those of an unreachable server are left out."""
    findings: tuple[Finding, ...]
    fixed: tuple[Fixed, ...] = ()
    left: tuple[Left, ...] = ()
    """What `--fix` left alone."""


@dataclass(frozen=True)
class _Diagnosis:
    findings: tuple[Finding, ...]
    checked: int
    disposable: str
    against: tuple[str, ...]


def doctor(ws: Workspace, *, fix: bool = False) -> DoctorResult:
    """Look for everything; `fix` fixes what cannot lose anything, and looks again whether it is gone.

    Exit 5 when a half-applied revision needs a decision, else 6 when anything is wrong, else 0.
    """
    tried: dict[tuple[str, str], Fixed] = {}
    for _ in range(_ROUNDS):
        with examined(ws) as patient:
            diagnosis = _diagnosis(patient)
            todo = [f for f in diagnosis.findings if fix and f.fix and _key(f) not in tried]
            for finding in todo:
                tried[_key(finding)] = _fix(patient, finding)
        if not todo:
            break
    left = {_key(finding) for finding in diagnosis.findings}
    return DoctorResult(
        disposable=diagnosis.disposable,
        against=diagnosis.against,
        checked=diagnosis.checked,
        findings=diagnosis.findings,
        left=left_alone(diagnosis.findings, CHECKS, tried) if fix else (),
        fixed=tuple(_proven(fixed, gone=key not in left) for key, fixed in tried.items()),
        problems=tuple(problems_of(diagnosis.findings)),
    )


def _key(finding: Finding) -> tuple[str, str]:
    return finding.check, finding.subject


def _diagnosis(patient: Patient) -> _Diagnosis:
    findings: list[Finding] = []
    checked = 0
    for check in CHECKS:
        if _can_be_asked(check, patient):
            checked += 1
            findings += found_by(check, patient)
    disposable, against = _disposable(patient)
    return _Diagnosis(tuple(findings), checked, disposable, against)


def _can_be_asked(check: Check, patient: Patient) -> bool:
    reached = {"nothing": True, "server": patient.server is not None, "database": patient.database is not None}
    # a check may ask for what such a server has not
    return reached[check.needs] and (check.needs == "nothing" or not patient.too_old or check.name == "old_server")


def found_by(check: Check, patient: Patient) -> list[Finding]:
    """What a check finds; one that cannot be made is a finding itself, and the others go on."""
    listen, began = patient.ws.listen, time.monotonic()
    try:
        with under_way(listen, "look for", check.name):
            return list(check.look(patient))
    except Interrupted:
        raise
    except AegisError as error:
        return [
            Finding(
                check=check.name,
                subject=f"check {check.name}",
                what=f"could not look for {check.name}: {error.message.splitlines()[0]}",
                evidence=(error.where,) if error.where else (),
                cause="a finding above may be the reason",
                command=error.hint or "invoke doctor",
            )
        ]
    finally:
        if (seconds := time.monotonic() - began) >= _LONG:
            listen(Event(step="looked for", subject=check.name, seconds=seconds))


def _disposable(patient: Patient) -> tuple[str, tuple[str, ...]]:
    if patient.server is None or patient.database is None:
        return "", ()
    from aegisdb.safety import denials, prove, signals, told

    said = told(patient.server, patient.name)
    proof = prove(patient.ws, patient.server, said)
    against = denials(patient.ws, patient.server, said) + signals(patient.server, said, proof=proof)
    return f"{proof.kind}: {proof.evidence}" if proof else "", against


def _fix(patient: Patient, finding: Finding) -> Fixed:
    check = next(check for check in CHECKS if check.name == finding.check)
    assert check.fix is not None  # noqa: S101  only such checks say `fix`
    proof = ""
    try:
        with under_way(patient.ws.listen, "fix", finding.subject, finding.fix):
            check.fix(patient, finding)
    except Interrupted:
        raise
    except AegisError as error:
        proof = f"failed: {error.message.splitlines()[0]}"
    return Fixed(check=finding.check, subject=finding.subject, did=finding.fix, proof=proof)


def _proven(fixed: Fixed, *, gone: bool) -> Fixed:
    proof = "looked for again: gone" if gone else fixed.proof or "looked for again: still there"
    return Fixed(check=fixed.check, subject=fixed.subject, did=fixed.did, proof=proof)


def problems_of(findings: tuple[Finding, ...]) -> Iterator[Problem]:
    """Yield the findings as problems, those that need a decision first; a notice is no problem."""
    for finding in sorted(findings, key=lambda f: f.exit_code != DIRTY):
        if finding.exit_code != NOTICE:
            code, text = finding.check, finding.command
            yield Problem(
                code=code, message=finding.what, hint=text, where=finding.subject, exit_code=finding.exit_code
            )
