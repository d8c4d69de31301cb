"""Parts of a roundtrip, each a service or some of its revisions, proven by threads of this process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.proof_templates import ground
from aegisdb.drift.expected_schema import base_schema
from aegisdb.errors import Failed
from aegisdb.ownership import Owners
from aegisdb.proofs.judgement import Judge
from aegisdb.proofs.revision_proof import RevisionProof, ServiceProof
from aegisdb.proofs.revision_tests import RowTester, with_tests
from aegisdb.proofs.schema_proof import ServiceProver
from aegisdb.revisions.order import all_needs
from aegisdb.runtime.ended_together import EndedTogether

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

_Needs = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Part:
    """Revisions of a service that are proven on one database."""

    service: str
    scope: frozenset[str]
    below: _Needs | None = None
    """As of `Turns.before`: what stands below them where services take turns."""


@dataclass(frozen=True)
class Proved:
    """The proof of a part, and what the service's process had imported."""

    proof: ServiceProof
    loaded: Loaded | None


class PartProver:
    """Proves parts in this process: sessions that Ctrl-C must end, and the databases to clone."""

    def __init__(self, ws: Workspace, histories: Mapping[str, History]) -> None:
        self._ws = ws
        self._histories = histories
        self._base = template(ws, "base")
        self._owners = Owners(ws.registry, base_schema(ws, self._base))
        self._watch = EndedTogether()

    def prove(self, part: Part, *, alone: bool = False) -> Proved:
        """Prove the revisions of a part; `alone` says that nothing else is proven meanwhile."""
        began = time.monotonic()
        name, history = part.service, self._histories[part.service]
        needs, start = part.below, self._base
        if needs is None:
            needs, start = self._ground(sorted(all_needs(self._ws.registry, self._histories, name)))
        judge = Judge(name, self._owners)
        prover = ServiceProver(self._ws, history, needs, start, judge, self._watch, alone=alone)
        tests = RowTester(self._ws, history, needs, start, self._watch).run(part.scope)
        found = tuple(with_tests(prover.prove(part.scope), tests))
        proof = ServiceProof(service=name, revisions=found, seconds=time.monotonic() - began)
        return Proved(proof, prover.loaded)

    def _ground(self, needs: list[str]) -> tuple[_Needs, str]:
        """What is left to migrate before the proof, and the template to start on."""
        if not needs:
            return {}, self._base
        try:
            return {}, ground(self._ws, needs)
        except Failed as error:
            if not error.service:
                raise
            # the proof meets it again, and tells it
            return {name: self._histories[name].heads for name in needs}, self._base

    def stop(self) -> None:
        """End all sessions."""
        self._watch.stop()


def side_by_side(prover: PartProver, parts: Sequence[Part], width: int) -> list[Proved]:
    """Prove so many parts at once; an error or Ctrl-C ends the others before it goes on."""
    alone = width > 1 and len(parts) == 1
    with ThreadPoolExecutor(width, thread_name_prefix="roundtrip") as pool:
        jobs = [pool.submit(prover.prove, part, alone=alone) for part in parts]
        try:
            wait(jobs, return_when="FIRST_EXCEPTION")
            return [job.result() for job in jobs]
        except BaseException:
            prover.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def by_service(proofs: Iterable[ServiceProof]) -> dict[str, ServiceProof]:
    """One proof of each service; of a revision that two parts met, what is worse counts."""
    parts: dict[str, list[ServiceProof]] = {}
    for proof in proofs:
        parts.setdefault(proof.service, []).append(proof)
    return {name: _joined(several) for name, several in parts.items()}


def _joined(parts: list[ServiceProof]) -> ServiceProof:
    found: dict[str, RevisionProof] = {}
    for part in parts:
        for proof in part.revisions:
            if proof.revision not in found or (proof.findings and not found[proof.revision].findings):
                found[proof.revision] = proof
    return replace(parts[0], revisions=tuple(found.values()), seconds=max(part.seconds for part in parts))
