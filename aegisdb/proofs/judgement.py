"""Judges three differences: what an upgrade changed, what a downgrade left, what the second upgrade made different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fingerprint import diff, without_parts
from aegisdb.ownership import DEFAULT_VERSION_SCHEMA, EXTENSION, NOBODY
from aegisdb.proofs.blame import foreign_acts
from aegisdb.proofs.revision_proof import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.ownership import Owners
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.step_results import Direction


_REMARKS = {
    "reordered": "a column that comes back comes last ({0.before} -> {0.after})",
    "renamed": "NOT NULL comes back under another name, as PostgreSQL named it ({0.before} -> {0.after})",
}


class Judge:
    """Compares fingerprints for one service."""

    def __init__(self, service: str, owners: Owners) -> None:
        self._service = service
        self._owners = owners

    def changes(self, before: Fingerprint, after: Fingerprint) -> tuple[Change, ...]:
        """What differs, but for version tables: Alembic makes one with the first upgrade and keeps it."""
        return tuple(change for change in diff(before, after) if not self._owners.is_version_table(change))

    def blast_radius(
        self, changes: tuple[Change, ...], before: Fingerprint, after: Fingerprint
    ) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
        """Objects of other owners that an upgrade changed; and notes about objects that no service owns."""
        whole = without_parts(changes)
        owner_of = self._owners.owners_of([change.object for change in whole], before, after)
        found = [(change, owner_of[change.object]) for change in whole]
        findings = tuple(
            Finding(code="foreign_object", object=change.object, owner=owner, detail=str(change))
            for change, owner in found
            if self._is_foreign(change, owner)
        )
        unowned = sorted(change.object for change, owner in found if owner == NOBODY and change.kind == "added")
        return findings, tuple(self._unowned(unowned))

    def named(self, revision: Revision, direction: Direction) -> tuple[Finding, ...]:
        """Objects of other owners that a step names which failed."""
        return foreign_acts(revision, direction, self._owners, self._service)

    def undone(self, before: Fingerprint, after: Fingerprint) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
        """What the downgrade left behind or did not restore; other places and names of NOT NULL are notes."""
        changes = self.changes(before, after)
        findings = (self._undone(change) for change in without_parts(changes) if not change.is_remark)
        return tuple(findings), _remarks(changes)

    def repeated(self, first: Fingerprint, second: Fingerprint) -> tuple[Finding, ...]:
        """Objects that the second upgrade made different from the first."""
        return tuple(
            Finding(code="upgrade_differs", object=change.object, detail=str(change))
            for change in without_parts(self.changes(first, second))
            if not change.is_remark
        )

    def _unowned(self, names: list[str]) -> Iterator[str]:
        schema = self._owners.schema_of(self._service)
        outside = "" if schema == DEFAULT_VERSION_SCHEMA else f"made outside of the schema {schema}: "
        if outside or self._owners.claims:  # without either, nothing has an owner
            yield from (f"{outside}no service owns {name}: add it to `owns` of {self._service}" for name in names)

    def _is_foreign(self, change: Change, owner: str) -> bool:
        if owner in {self._service, NOBODY}:
            return False
        # an extension that is added hurts nobody
        return not (owner == EXTENSION and change.kind == "added")

    def _undone(self, change: Change) -> Finding:
        code = "left_behind" if change.kind == "added" else "not_restored"
        owner = self._owners.owner_of(change.object, change.relation)
        return Finding(code=code, object=change.object, owner=owner, detail=str(change))


def _remarks(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return tuple(f"{change.object}: {_REMARKS[change.kind].format(change)}" for change in changes if change.is_remark)
