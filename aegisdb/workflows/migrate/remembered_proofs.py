"""Which revisions a roundtrip has proven, by what they and those below them do: the same code is proven once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import digest_chain, level_hashes, surroundings
from aegisdb.postgres import databases
from aegisdb.proofs import memory
from aegisdb.proofs.memory import Proofs
from aegisdb.revisions.order import all_needs, service_order
from aegisdb.revisions.row_tests import files_of_tests
from aegisdb.runtime.loaded_code import CodeHashes, content, older

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.proofs.revision_proof import ServiceProof
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Steps
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

_CLEAN = ("proven", "one way")


@dataclass(frozen=True, kw_only=True)
class ProvenBefore:
    """A revision that was not proven again, and when it was; UTC."""

    service: str
    revision: str
    made: str


def unproven(registry: Registry, todo: Iterable[Steps]) -> Iterator[tuple[str, str]]:
    """Service and revision of those that no roundtrip here has found clean."""
    proofs = Proofs(registry)
    for history, steps in todo:
        contents = _contents(history)
        for revision in steps:
            if not proofs.has(contents[revision.id]):
                yield history.service, revision.id


class RememberedProofs:
    """What was proven before on this server, and what is to be remembered; `ws` is where proofs are made."""

    def __init__(self, ws: Workspace, histories: Mapping[str, History], services: Iterable[str]) -> None:
        """`services`: those whose proofs nothing but files decides."""
        self._ws = ws
        self._histories = histories
        self._services = tuple(services)
        self._began = time.time()
        self._proofs = Proofs(ws.registry)
        self._code = CodeHashes(ws.registry)
        self._standing = self._stand()

    def known(self, scope: Mapping[str, frozenset[str]]) -> tuple[ProvenBefore, ...]:
        """Revisions of the scope that would be proven as they were."""
        found = []
        for name, ids in scope.items():
            grounds = self._grounds(name, self._proofs.loaded(name), ids)
            contents = _contents(self._histories[name])
            for revision, ground in grounds.items():
                if made := self._proofs.made(contents[revision], ground):
                    found.append(ProvenBefore(service=name, revision=revision, made=made))
        return tuple(found)

    def remember(self, found: Iterable[ServiceProof], loaded: Mapping[str, Loaded]) -> None:
        """Add what was proven now; without a ground where files were changed meanwhile."""
        proven: dict[str, str] = {}
        same = self._stand() == self._standing
        for service in found:
            history = self._histories[service.service]
            had = loaded.get(service.service)
            sure = same and had is not None and older(self._ws.registry, history, had, self._began)
            clean = frozenset(proof.revision for proof in service.revisions if proof.status in _CLEAN)
            grounds = self._grounds(service.service, had if sure else None, clean)
            contents = _contents(history)
            proven |= {contents[revision]: grounds.get(revision, "") for revision in clean}
        self._proofs.add(proven, loaded)

    def _grounds(self, service: str, loaded: Loaded | None, revisions: frozenset[str]) -> dict[str, str]:
        """By revision, a hash of all else that decides; nothing where that is not known."""
        if loaded is None or service not in self._standing:
            return {}
        history = self._histories[service]
        code = self._code.of(history, loaded)
        tests = {revision: content(str(path)) for revision, path in files_of_tests(history, revisions).items()}
        return {r: memory.ground(self._standing[service], code, tests.get(r)) for r in sorted(revisions)}

    def _stand(self) -> dict[str, str]:
        """By service, hash the server, the base schema, what the service needs, and what lies beside its revisions."""
        if not self._services:
            return {}
        registry = self._ws.registry
        with databases.maintenance(self._ws.address(), application="aegisdb: proofs", client=self._ws.client) as conn:
            base = f"{memory.server(conn)} {level_hashes(self._ws, conn, 'base')['base']}"
        order = service_order(registry, self._histories)
        found = {}
        for service in self._services:
            needed = all_needs(registry, self._histories, service)
            below = [self._histories[name] for name in order if name in needed]
            *_, last = base, *digest_chain(registry, base, below)
            found[service] = f"{last} {surroundings(registry, self._histories[service])}"
        return found


def _contents(history: History) -> dict[str, str]:
    """By revision, a hash of its code and of all below it."""
    found: dict[str, str] = {}
    for revision in history.ordered():
        below = [found[parent] for parent in revision.parents if parent in found]
        found[revision.id] = memory.what(history.service, revision.id, revision.digest, below)
    return found
