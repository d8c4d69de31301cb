"""`rollout.plan`: members in equal states are one group, and each group is rehearsed once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aegisdb.building.proof_target import proving_together
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.asking import chosen
from aegisdb.results import Result
from aegisdb.workflows.migrate.plan import plan as rehearse
from aegisdb.workflows.rollout.record import staged
from aegisdb.workflows.rollout.start import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.fleets import Stage
    from aegisdb.workflows.migrate.plan import PlanResult
    from aegisdb.workflows.rollout.left import Pending
    from aegisdb.workflows.rollout.result import MemberTurn
    from aegisdb.workspace import Workspace

SESSIONS = 3
"""Sessions of a member while it is migrated: the lock's, ours, and that of the service's worker."""


@dataclass(frozen=True, kw_only=True)
class GroupPlan:
    """Members with the same revisions pending."""

    members: tuple[str, ...]
    pending: Mapping[str, tuple[str, ...]]
    rehearsal: PlanResult


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """One stage, and the most sessions that it opens on one server and on all."""

    stage: str
    members: int
    per_server: int
    sessions: int


@dataclass(frozen=True, kw_only=True)
class RolloutPlanResult(Result):
    """What a rollout would do now."""

    fleet: str
    shard: str
    stages: tuple[StagePlan, ...]
    groups: tuple[GroupPlan, ...]
    nothing_to_do: tuple[str, ...]
    unfit: tuple[MemberTurn, ...]
    waiting: tuple[str, ...] = ()
    """With `--phase expand`: revisions that wait, with the reasons."""


def plan(ws: Workspace, *, phase: str = "", accept: str = "", timeout: float = 0) -> RolloutPlanResult:
    """Look at every member as `rollout.start` does, and rehearse each group of equal ones on one of them.

    Members are not copied, for nobody could log in meanwhile: a database at the group's applied revisions is built.

    Raises:
        what `rollout.start` raises; RevisionFailed: a pending revision does not apply.
    """
    proving_together(ws, (member.target for member in chosen(ws).members))
    seen = prepared(ws, phase, accept)
    alike: defaultdict[Pending, list[str]] = defaultdict(list)
    for name, pending in seen.pending.items():
        alike[pending].append(name)
    members = {member.name: member for member in chosen(ws).members}
    groups = tuple(
        GroupPlan(
            members=tuple(names),
            pending=dict(pending),
            rehearsal=rehearse(ws.of_member(members[names[0]]), phase=phase, timeout=timeout),
        )
        for pending, names in sorted(alike.items(), key=lambda item: -len(item[1]))
    )
    return RolloutPlanResult(
        fleet=chosen(ws).fleet,
        shard=chosen(ws).shard,
        stages=tuple(_stages(ws, seen.servers)),
        groups=groups,
        nothing_to_do=seen.nothing_to_do,
        unfit=seen.unfit,
        waiting=seen.waiting,
        problems=(*seen.problems, *(problem for group in groups for problem in group.rehearsal.problems)),
    )


def _stages(ws: Workspace, servers: Mapping[str, int]) -> Iterator[StagePlan]:
    for stage, members in staged(ws.registry, chosen(ws)):
        found: defaultdict[int, int] = defaultdict(int)
        for member in members:
            found[servers.get(member.name, 0)] += 1
        yield _stage(stage, found)


def _stage(stage: Stage, members: Mapping[int, int]) -> StagePlan:
    at_once = [min(stage.per_server, stage.parallel, count) for count in members.values()]
    return StagePlan(
        stage=stage.name,
        members=sum(members.values()),
        per_server=SESSIONS * max(at_once, default=0),
        sessions=SESSIONS * min(stage.parallel, sum(at_once)),
    )
