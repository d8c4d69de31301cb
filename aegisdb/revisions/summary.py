"""All revisions of a history together: what a hash of it and the order of services need, and no more."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aegisdb.revisions.parse import Revision


class Summary(NamedTuple):
    """The properties of all revisions of a history together."""

    digest: str
    """Digest of their ids and of what each of them does, in order."""
    references: dict[str, str]
    """Tables that they refer to, each with the name of the first file that does."""
    imports: tuple[str, ...]
    """Names of the modules that they import."""
    requires: Mapping[str, Sequence[str]] = {}
    """Revision id to the revisions of other services that it `requires`; only those that say so."""
    contents: str = ""
    """What `contents_of` says of all of them."""
    phases: Mapping[str, str] = {}
    """By id, for those that say `phase`."""


class Kept(Protocol):
    """A summary that is known without looking at the revisions."""

    @property
    def summary(self) -> Summary:
        """Summarize all revisions of a history."""

    @property
    def phases(self) -> Mapping[str, str]:
        """The phases of the summary."""


def contents_of(revisions: Iterable[Revision]) -> str:
    """What these revisions do, in no order: the server counts the same from the journal."""
    told = ",".join(f"{revision.id} {revision.digest}" for revision in sorted(revisions, key=lambda one: one.id))
    return hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()


def summarized(revisions: Iterable[Revision]) -> Summary:
    """The summary of revisions in this order."""
    digest, revisions = hashlib.sha256(), list(revisions)
    references: dict[str, str] = {}
    imports: dict[str, None] = {}
    requires: dict[str, Sequence[str]] = {}
    for revision in revisions:
        digest.update(f"{revision.id} {revision.digest}\n".encode())
        for table in revision.references:
            references.setdefault(table, revision.file.rpartition("/")[2])
        imports |= dict.fromkeys(revision.imports)
        if revision.requires:
            requires[revision.id] = revision.requires
    phases = {revision.id: revision.phase for revision in revisions if revision.phase}
    return Summary(digest.hexdigest(), references, tuple(imports), requires, contents_of(revisions), phases)
