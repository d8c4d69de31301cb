"""What a rollout has still to apply in a member: all that is pending, or with a phase what is before contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.revisions.phases import EXPAND, expanding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.applied.status import Standing
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Steps

    Pending = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Left:
    """Revisions by service that are for this rollout, and those that wait for a later one."""

    pending: Pending
    waiting: tuple[str, ...] = ()
    """Service, revision and why, as one text."""


def left_in(
    registry: Registry, histories: Mapping[str, History], standings: Mapping[str, Standing], phase: str
) -> Left:
    """What these standings leave to do."""
    todo: list[Steps] = [(histories[name], tuple(one.pending)) for name, one in standings.items() if one.pending]
    if phase != EXPAND:
        return Left(_ids(todo))
    kept, waiting = expanding(registry, histories, todo)
    return Left(_ids(kept), tuple(f"{one.service} {one.revision}: {one.why}" for one in waiting))


def standing_at(standings: Mapping[str, Standing]) -> str:
    """The revisions at which the services stand, for people."""
    return ", ".join(f"{name} {' '.join(one.applied) or 'empty'}" for name, one in standings.items())


def _ids(todo: list[Steps]) -> Pending:
    return tuple((history.service, tuple(one.id for one in steps)) for history, steps in todo)
