"""`migrate.roundtrip --with-data`: the same revisions on rows, those of the released state where git has one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.ownership import Owners
from aegisdb.proofs.data_proof import DataProver, DataScope
from aegisdb.proofs.released_proof import ReleasedProver
from aegisdb.proofs.released_state import Missing, released_state
from aegisdb.proofs.revision_proof import NOT_UNDONE
from aegisdb.proofs.seeded import seeded
from aegisdb.revisions.order import all_needs, service_order

if TYPE_CHECKING:
    from aegisdb.proofs.revision_proof import Finding, RevisionProof, ServiceProof
    from aegisdb.results import Problem
    from aegisdb.revisions.history import History
    from aegisdb.runtime.session import Session
    from aegisdb.workspace import Workspace

Histories = Mapping[str, "History"]
Scope = Mapping[str, frozenset[str]]
OnRows = tuple[str, tuple["RevisionProof", ...], tuple["Problem", ...]]
Watch = Callable[["Session"], None]


def prove_with_data(ws: Workspace, histories: Histories, scope: Scope, watch: Watch) -> OnRows:
    """Whose rows they are, in words, and the proofs: new revisions go up on released rows, others down from there.

    Behind them, where the rows are those of the seeds, why these fail at the new heads.
    """
    released = released_state(ws, histories)
    if isinstance(released, Missing):
        with seeded(ws, histories, scope) as filled:
            proofs = filled.proofs or tuple(_down(ws, histories, scope, filled.database, frozenset(), watch))
            return f"rows of the seeds {filled.where}: {released.why}", proofs, filled.problems
    new = {name: frozenset(r for r in ids if (name, r) in released.new) for name, ids in scope.items()}
    old = {name: ids - new[name] for name, ids in scope.items()}
    found = [*_down(ws, histories, old, released.template, released.new, watch)]
    if any(new.values()):
        order = service_order(ws.registry, histories)
        scopes = [DataScope(histories[name], new.get(name, frozenset())) for name in order]
        found += ReleasedProver(ws, released.template, _version_tables(ws), watch).prove(scopes)
    return f"rows of the released state: {released.against}", tuple(found), ()


def add_data(proofs: dict[str, ServiceProof], found: Iterable[RevisionProof]) -> None:
    """Add what was found out with data to what was found out without."""
    by_revision = {(proof.service, proof.revision): proof for proof in found}
    for name, service in proofs.items():
        merged: list[RevisionProof] = []
        other = ""  # the last one that was reverted to another schema than the one before it
        for proof in reversed(service.revisions):
            merged.append(_merge(proof, by_revision.get((name, proof.revision)), other))
            other = proof.revision if any(one.code in NOT_UNDONE for one in proof.findings) else other
        proofs[name] = replace(service, revisions=tuple(reversed(merged)))


def _down(
    ws: Workspace, histories: Histories, scope: Scope, start: str, new: frozenset[tuple[str, str]], watch: Watch
) -> Iterable[RevisionProof]:
    """All services on one clone; services that need one of them are reverted first."""
    order = {name for name, ids in scope.items() if ids}
    if not order:
        return ()
    dependents = {name for name in histories if name not in order and order & all_needs(ws.registry, histories, name)}
    scopes = [
        DataScope(histories[name], scope.get(name, frozenset()), whole=name in dependents)
        for name in service_order(ws.registry, histories)
        if name in order | dependents
    ]
    return DataProver(ws, start, _version_tables(ws), watch, new).prove(scopes)


def _version_tables(ws: Workspace) -> frozenset[str]:
    return frozenset(Owners(ws.registry).version_tables)


def _merge(proof: RevisionProof, data: RevisionProof | None, other: str) -> RevisionProof:
    if data is None:
        return proof
    codes = {finding.code for finding in proof.findings}
    findings = (*proof.findings, *(_with_cause(one, other, codes) for one in data.findings))
    return replace(
        proof,
        status="failed" if findings else proof.status,
        findings=findings,
        notes=(*proof.notes, *data.notes),
        rows_lost=data.rows_lost,
        values_lost=data.values_lost,
    )


def _with_cause(finding: Finding, other: str, codes: Collection[str]) -> Finding:
    """The finding; a downgrade that works on the schema that it is written for is told what changed that."""
    if finding.code != "data_downgrade_failed" or "downgrade_failed" in codes or not other:
        return finding
    return replace(finding, hint=f"fix downgrade() of {other} first: it was reverted before, to another schema")
