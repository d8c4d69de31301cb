"""Which revisions a roundtrip has proven, by what they and those below them do: the same code is proven once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aegisdb.file_cache import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.proofs.revision_proof import ServiceProof
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Steps

_FILE = Kind("proven.json", outlasts=1)
_CLEAN = ("proven", "one way")


def remember(registry: Registry, histories: Mapping[str, History], found: Iterable[ServiceProof]) -> None:
    """Add what is proven now to what was proven before."""
    proven = {
        _content(histories[proof.service], proof.revision)
        for service in found
        for proof in service.revisions
        if proof.status in _CLEAN
    }
    kept = _FILE.file(registry.state)
    known = _known(registry)
    if not proven <= known:
        kept.keep_json(sorted(known | proven))


def unproven(registry: Registry, todo: Iterable[Steps]) -> Iterator[tuple[str, str]]:
    """Service and revision of those that no roundtrip here has found clean."""
    known = _known(registry)
    for history, steps in todo:
        for revision in steps:
            if _content(history, revision.id) not in known:
                yield history.service, revision.id


def _known(registry: Registry) -> set[str]:
    found = _FILE.file(registry.state).read_json()
    return {text for text in found if isinstance(text, str)} if isinstance(found, list) else set()


def _content(history: History, identifier: str) -> str:
    below = history.ancestors((identifier,))
    digests = [f"{r.id} {r.digest}" for r in history.ordered() if r.id in below]
    return hashlib.sha256("\n".join([history.service, *digests]).encode()).hexdigest()[:24]
