"""What is wrong with revisions after a roundtrip, in words that say how to fix it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.package_lookup import how_to_fix
from aegisdb.plain_text import some_of
from aegisdb.proofs.revision_proof import NOT_UNDONE
from aegisdb.proofs.schema_proof import NO_DOWNGRADE
from aegisdb.revisions.row_tests import strays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.proofs.revision_proof import Finding, ServiceProof
    from aegisdb.revisions.history import History

_NAMED_NOT_NULL = re.compile(
    r"changed column (?P<table>.+)\.(?P<column>[^.]+): .*"
    r"\bnot null named (?P<name>\"[^\"]+\"|[^\s;]+).* -> .*\bnot null\b"
)


def problems_of(services: Iterable[ServiceProof]) -> Iterable[Problem]:
    """One for each finding; of a service with several missing downgrades, one for all of these."""
    for service in services:
        without = [proof for proof in service.revisions if NO_DOWNGRADE in proof.findings]
        told_once = without if len(without) > 1 else []
        if told_once:
            yield _without_downgrade(service.service, [proof.revision for proof in without])
        for proof in service.revisions:
            for finding in proof.findings:
                if proof in told_once and finding == NO_DOWNGRADE:
                    continue
                yield Problem(
                    code="roundtrip",
                    message=f"{proof.service} {proof.revision}: {finding}",
                    where=proof.where,
                    hint=_hint(finding, Path(proof.where.rpartition(":")[0]), proof.findings),
                )


def _without_downgrade(service: str, revisions: list[str]) -> Problem:
    return Problem(
        code="roundtrip",
        message=f"{service}: {len(revisions)} revisions have no downgrade(): {some_of(revisions)}",
        hint=f"write them, or say `one_way: true` for {service} in services.yaml: no downgrades by policy",
    )


def strays_of(histories: Mapping[str, History], services: Iterable[str]) -> Iterable[Problem]:
    """One for each test that no revision has."""
    for name in services:
        for path in strays(histories[name]):
            yield Problem(
                code="roundtrip",
                message=f"{name}: {path.name} is the test of no revision",
                where=str(path),
                hint="call it as the revision's file or id, with _test.py, or remove it",
            )


def _hint(finding: Finding, path: Path, beside: Iterable[Finding]) -> str:
    code = finding.code
    if code == "upgrade_differs" and any(one.code in NOT_UNDONE for one in beside):
        return how_to_fix(path, "fix downgrade() first: what it leaves otherwise is what this upgrade meets")
    if finding.hint:
        return how_to_fix(path, finding.hint)
    if code == "not_restored" and (lost := _NAMED_NOT_NULL.match(finding.detail)):
        # alter_column(nullable=False) names the constraint anew
        return how_to_fix(
            path, f"in downgrade(): ALTER TABLE {lost['table']} ADD CONSTRAINT {lost['name']} NOT NULL {lost['column']}"
        )
    if code in NOT_UNDONE:
        return how_to_fix(path, 'fix downgrade(), or mark the revision `one_way = "reason"`')
    if code == "foreign_object":
        return "only its owner may change it: move the change into a revision of the owner"
    return ""
