"""How much room snapshots take, told before one is made, and bounded by `snapshots:` of services.yaml."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from aegisdb.errors import Refused
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.registry.types import SnapshotLimits

AUTOMATIC = ("before-reset", "before-restore")
"""Kept by db.reset and db.restore, one of each; they are renamed, not copied."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One snapshot. Sizes in bytes; `made` is UTC, ISO 8601; `age` in seconds when it was listed."""

    name: str
    made: str
    age: float
    made_by: str
    bytes: int
    branch: str = ""
    revisions: dict[str, str] = field(default_factory=dict)
    """Revision of each service; several heads with commas between, `-` for none."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Bytes of all snapshots, how many a person made, and how much of both may be."""

    bytes: int
    max_bytes: int
    kept: int
    keep: int


def space(found: Sequence[Snapshot], limits: SnapshotLimits) -> Space:
    """The room that these snapshots take, in bytes."""
    return Space(
        bytes=sum(one.bytes for one in found),
        max_bytes=limits.max_bytes,
        kept=sum(one.name not in AUTOMATIC for one in found),
        keep=limits.keep,
    )


def require_room(found: Sequence[Snapshot], limits: SnapshotLimits, more: int) -> None:
    """Refuse another snapshot of `more` bytes that would go beyond the limits.

    Raises:
        Refused: with what there is, what it would need, and which snapshot is the oldest.
    """
    taken = space(found, limits)
    mine = [one for one in found if one.name not in AUTOMATIC]
    hint = f"invoke db.drop-snapshot {min(mine, key=lambda one: one.made).name}" if mine else "raise it"
    hint += ", or raise `snapshots:` in services.yaml" if mine else " (`snapshots:` in services.yaml)"
    if taken.kept >= limits.keep:
        raise Refused(
            f"there are {taken.kept} snapshots, and `snapshots.keep` allows {limits.keep}",
            hint=hint,
            code="snapshot_space",
        )
    if taken.bytes + more > limits.max_bytes:
        raise Refused(
            f"the copy needs {more} bytes, the snapshots have {taken.bytes}, and `snapshots.max_bytes` allows "
            f"{limits.max_bytes} together",
            hint=hint,
            code="snapshot_space",
        )
