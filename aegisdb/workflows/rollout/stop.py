"""`rollout.stop`: whoever works on a rollout, on whatever machine, begins with no other member."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.asking import ask
from aegisdb.plain_text import some_of
from aegisdb.results import Result
from aegisdb.workflows.rollout.claims import has_ended
from aegisdb.workflows.rollout.looking import found, opened
from aegisdb.workflows.rollout.stops import wish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fleets.asking import Asked
    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RolloutStopResult(Result):
    """Members that say so to whoever comes to them, and those whose turn has ended well already."""

    id: str
    told: tuple[str, ...]
    ended: tuple[str, ...]
    not_told: tuple[str, ...]


def stop(ws: Workspace, identifier: str) -> RolloutStopResult:
    """Write into every member that may still be begun that nobody is to; turns that have begun end.

    Raises:
        UsageError: nobody knows the rollout.
    """
    record = found(ws, identifier)
    there, _, _ = opened(ws, record)
    name = secrets.token_hex(8)

    def question(_: Workspace, conn: Connection) -> bool:
        ended = has_ended(conn, identifier)
        if not ended:
            wish(conn, identifier, name)
        return ended

    asked = ask(there, question, "members")
    return RolloutStopResult(
        id=record.id,
        told=tuple(one.member.name for one in asked if one.answer is False),
        ended=tuple(one.member.name for one in asked if one.answer is True),
        not_told=tuple(one.member.name for one in asked if one.error is not None),
        problems=tuple(_problems(asked)),
    )


def _problems(asked: Sequence[Asked[bool]]) -> Iterator[Problem]:
    alike: defaultdict[str, list[Asked[bool]]] = defaultdict(list)
    for one in asked:
        if one.error is not None:
            alike[one.error.code].append(one)
    for same in alike.values():
        error, names = same[0].error, [one.member.name for one in same]
        assert error is not None  # noqa: S101  only those are there
        count = f"{len(names)} member{'' if len(names) == 1 else 's'} ({some_of(names)})"
        yield Problem(
            code=error.code,
            message=f"{count}: not told: {error.message}",
            hint="who reaches them may still begin there, unless another member stops it first: type it again",
            exit_code=error.exit_code,
        )
