"""Results of a roundtrip for each revision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Status = Literal["proven", "one way", "failed", "not reached"]

FAULTS: Mapping[str, str] = {
    "needs_failed": "a service that it needs does not apply",
    "base_failed": "its base cannot be made",
    "below_failed": "what is below it does not apply again on a new database",
    "upgrade_failed": "upgrade fails",
    "downgrade_failed": "downgrade fails",
    "left_behind": "downgrade leaves behind",
    "not_restored": "downgrade does not restore",
    "upgrade_differs": "the second upgrade gives another schema",
    "foreign_object": "changes an object of another owner",
    "rows_lost": "loses rows",
    "released_upgrade_failed": "upgrade fails on the rows of the released state",
    "data_upgrade_failed": "upgrade fails on seeded data",
    "test_failed": "its test does not run",
    "test_upgrade_failed": "upgrade fails on the rows of its test",
    "test_downgrade_failed": "downgrade fails on the rows of its test",
    "rows_differ": "gives other rows than its test",
    "data_downgrade_failed": "downgrade fails on seeded data",
}
"""Codes of findings and how they begin."""
NOT_UNDONE = frozenset({"left_behind", "not_restored", "downgrade_failed"})
"""Codes of findings about a downgrade that leads to another schema."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong with a revision."""

    code: str
    object: str = ""
    owner: str = ""
    """The owner of the object, empty for nobody."""
    detail: str = ""
    """The line of difference, or the error."""
    hint: str = ""
    """What to do about this very failure, where that is known."""

    def __str__(self) -> str:
        owner = f" (owner {self.owner})" if self.owner and self.code == "foreign_object" else ""
        return f"{FAULTS[self.code]}{owner}: {self.detail}"


@dataclass(frozen=True, kw_only=True)
class RevisionProof:
    """What was proven about one revision; seconds are those of the revision's own steps."""

    service: str
    revision: str
    message: str
    where: str
    status: Status
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """True and worth knowing, but not wrong."""
    objects: int = 0
    """Schema objects that the upgrade adds, removes or changes."""
    rows_lost: Mapping[str, int] = field(default_factory=dict)
    """Table to the rows that a downgrade and an upgrade do not bring back; only `--with-data` counts them."""
    values_lost: Mapping[str, int] = field(default_factory=dict)
    """`table.column` to the values that go with a column dropped and added again; only `--with-data` counts them."""
    up_seconds: float = 0.0
    down_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServiceProof:
    """The proofs of one service's revisions."""

    service: str
    revisions: tuple[RevisionProof, ...]
    seconds: float
    """Start-up, scratch databases and fingerprints included."""
