"""Findings about models that are not what the histories build, or that no revision is ever written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.errors import Failed
from aegisdb.models.problems import models_problems
from aegisdb.models.results import ModelsCompared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient
    from aegisdb.errors import Problem

_SHOWN = 3
_CAUSES = {
    "unowned_model": "autogenerate leaves out what the service does not own, and what env.py tells it to leave out",
    "other_kind": "a table of that name could not be made, so autogenerate's CREATE TABLE would fail",
    "not_compared": "create_all was tried on a scratch database and the server refused it",
}


def lost(patient: Patient) -> Iterator[Finding]:
    """Models that no service owns, or that PostgreSQL does not take: each is a finding of its own."""
    for service, problems in _told(patient).items():
        for problem in problems:
            if problem.code in _CAUSES:
                yield Finding(
                    check=problem.code,
                    subject=f"{service} {problem.where}",
                    what=problem.message,
                    evidence=(problem.where,),
                    cause=_CAUSES[problem.code],
                    command=problem.hint,
                )


def differ(patient: Patient) -> Iterator[Finding]:
    """Services whose models differ from what their histories build."""
    for service, problems in _told(patient).items():
        found = [problem for problem in problems if problem.code not in _CAUSES]
        if not found:
            continue
        count = f"{len(found)} {'object differs' if len(found) == 1 else 'objects differ'}"
        more = [f"and {len(found) - _SHOWN} more"] * (len(found) > _SHOWN)
        yield Finding(
            check="models",
            subject=service,
            what=f"{service}: {count} between the models and what the revisions build",
            evidence=(*(problem.message.partition("differ: ")[2] for problem in found[:_SHOWN]), *more),
            cause="the models were changed, and no revision follows them yet",
            command=found[0].hint,
        )


def objects(patient: Patient) -> Iterator[Finding]:
    """Services whose files of views, functions, triggers and policies are not what their histories build."""
    from aegisdb.models.object_comparison import objects_problems

    try:
        problems = objects_problems(patient.built.ws, patient.sound)
    except Failed:
        return  # what does not build is told elsewhere
    for problem in problems:
        yield Finding(
            check="objects",
            subject=problem.message.partition(":")[0],
            what=problem.message,
            evidence=(problem.where,),
            cause="a file of `objects:` was changed, added or deleted, and no revision follows it yet",
            command=problem.hint,
        )


def _told(patient: Patient) -> dict[str, list[Problem]]:
    return {
        service: [*models_problems(patient.ws.registry, service, found)]
        for service, found in patient.compared.items()
        if isinstance(found, ModelsCompared)
    }
