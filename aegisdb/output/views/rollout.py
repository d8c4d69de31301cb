"""Text of rollouts: a line a stage, and who needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Fields, Text, duration, table
from aegisdb.output.views import plan as rehearsal
from aegisdb.plain_text import some_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.blocks import Style

_STATES: dict[str, tuple[str, Style]] = {
    "done": ("every member that could be migrated is", "ok"),
    "reverted": ("what it applied was reverted", "warn"),
    "partly reverted": ("what it applied was reverted in some members, and stands in others", "warn"),
    "planned": ("every member was looked at; nothing was begun", "ok"),
    "waiting": ("it waits after this stage", "warn"),
    "stopped": ("it stopped; members that were not begun are untouched", "bad"),
    "refused": ("nothing was begun", "bad"),
    "interrupted": ("it was interrupted; turns that had begun have ended", "warn"),
    "running": ("somebody works on it", "warn"),
    "unfinished": ("nobody works on it, and it is not done", "warn"),
}


def rollout(result: Any) -> Iterator[Block]:
    """A line a stage, then what is next."""
    named = "" if result.state in {"planned", "refused"} else f" {result.id}"  # nobody would know it
    yield Text(f"rollout{named} of fleet {result.fleet}", "heading")
    words = list(dict.fromkeys(word for stage in result.stages for word in stage.counts))
    rows = [[stage.stage, *(str(stage.counts.get(word, 0) or "-") for word in words)] for stage in result.stages]
    yield table(["stage", *(f"{word}#" for word in words)], rows)
    said, style = _STATES[result.state]
    yield Text(said, style)
    yield from _waiting(result)
    if result.born:
        yield Text(f"came since it began, and are not in it: {some_of(result.born)}", "warn")
    if result.gone:
        yield Text(f"in it, and no members any more: {some_of(result.gone)}", "warn")
    if result.next:
        yield Fields((("go on", result.next),))


def _waiting(result: Any) -> Iterator[Block]:
    for text in result.waiting:
        revision, _, why = text.partition(": ")
        yield Text(f"{revision} waits: {why}", "dim")


def planned(result: Any) -> Iterator[Block]:
    """The stages with the sessions that they need, then each group and its rehearsal."""
    columns = ["stage", "members#", "sessions on a server#", "on all#"]
    rows = [[one.stage, str(one.members), str(one.per_server), str(one.sessions)] for one in result.stages]
    yield table(columns, rows, title="at most")
    for group in result.groups:
        what = "; ".join(f"{service} {' '.join(revisions)}" for service, revisions in group.pending.items())
        count = f"{len(group.members)} member{'' if len(group.members) == 1 else 's'}"
        yield Text(f"{count} ({some_of(group.members)}): {what}", "heading")
        yield from rehearsal.plan(group.rehearsal)
    yield from _waiting(result)
    if result.nothing_to_do:
        yield Text(f"nothing to do: {some_of(result.nothing_to_do)}", "ok")
    for one in result.unfit:
        yield Text(f"{one.name}: {one.state}: {one.reason}", "bad")


def members(result: Any) -> Iterator[Block]:
    """A line a member, for the page: the terminal has groups."""
    rows = [
        [one.name, one.stage, one.state, one.at, "" if one.seconds is None else duration(one.seconds), one.reason]
        for one in result.members
    ]
    yield table(["member", "stage", "state", "at", "time#", "reason"], rows)


def reverted(result: Any) -> Iterator[Block]:
    """What is lost, then a line for members with the same end."""
    would = "would lose" if result.planned else "lost"
    if result.losses:
        yield table([would, "rows in all members#"], ([what, str(rows)] for what, rows in result.losses.items()))
    else:
        yield Text("no table and no column is lost", "dim")
    alike: dict[tuple[str, str], list[str]] = {}
    for one in result.members:
        alike.setdefault((one.state, " ".join(one.revisions)), []).append(one.name)
    rows = [[str(len(names)), state, what, some_of(names)] for (state, what), names in alike.items()]
    yield table(["members#", "state", "revisions", "which"], rows)


def stopped(result: Any) -> Iterator[Block]:
    """Count the members that say so to whoever works on it."""
    told = f"members that say so: {len(result.told)}; ended before: {len(result.ended)}"
    if result.not_told:
        told += f"; not told: {len(result.not_told)}"
    which = "the next member that was told" if result.not_told else "the next member"
    yield Text(f"rollout {result.id}: whoever works on it now stops before {which}", "ok")
    yield Text(told, "dim")


VIEWS = {
    "RolloutMembersResult": members,
    "RolloutRevertResult": reverted,
    "RolloutPlanResult": planned,
    "RolloutResult": rollout,
    "RolloutStopResult": stopped,
}
