"""Findings about a service's env.py: does it run at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.errors import AegisError, HistoryError
from aegisdb.files import shown
from aegisdb.workflows.service.description import NEVER_CONFIGURED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient


_MISSING = "ModuleNotFoundError"


def _cause(message: str) -> str:
    if _MISSING in message:
        return "a requirement is not installed in the environment that the service runs in"
    if NEVER_CONFIGURED in message:
        return "it tells Alembic nothing, so no revision can run"
    return "env.py raises when it is run, before any database is asked"


def fails(patient: Patient) -> Iterator[Finding]:
    """Services whose env.py does not run."""
    for service, found in patient.described.items():
        if isinstance(found, AegisError) and not isinstance(found, HistoryError):
            yield Finding(
                check="environment",
                subject=service,
                what=f"{service}: {found.message.splitlines()[0]}",
                evidence=(shown(patient.good[service].locations.env_py, patient.ws.registry.root),),
                cause=_cause(found.message),
                command=found.hint,
            )
