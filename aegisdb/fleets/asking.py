"""Put one question to all members of a fleet: some at a time, each on a session of its own."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from aegisdb.errors import AegisError, Interrupted, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.room import Room
from aegisdb.progress import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.members.choice import Chosen, Member
    from aegisdb.postgres.connection import Connection, Identity
    from aegisdb.workspace import Workspace

T = TypeVar("T")
_TURN = 0.0005  # seconds: who has got an answer would wait for 5 ms until another thread lets go of the interpreter


@dataclass(frozen=True)
class Asked(Generic[T]):
    """What one member said, or why it said nothing."""

    member: Member
    seconds: float
    identity: Identity | None = None
    """Which database it is; None where it was not reached."""
    answer: T | None = None
    error: AegisError | None = None


def chosen(ws: Workspace) -> Chosen:
    """The members that the command is about.

    Raises:
        UsageError: there is no `--fleet`.
    """
    if ws.fleet is None:
        raise UsageError(f"{ws.command} needs --fleet", hint=f"invoke --help {ws.command}", code="missing_flag")
    return ws.fleet


def ask(ws: Workspace, question: Callable[[Workspace, Connection], T], step: str) -> tuple[Asked[T], ...]:
    """Put the question to every member, and return their answers in the order of the members.

    At most `parallel` members are asked at once, and at most `per_server` on one server.

    Raises:
        Interrupted: by a person; what is a member's own fault is its answer.
    """
    fleet = chosen(ws)
    room = Room(fleet.settings.per_server)
    with _short_turns(), ThreadPoolExecutor(fleet.settings.parallel, thread_name_prefix="member") as pool:
        asked = [pool.submit(_asked, ws, room, member, question) for member in fleet.members]
        try:
            answers = (one.result() for one in asked)
            return tuple(counted(ws.listen, step, answers, len(asked), of="members"))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _asked(ws: Workspace, room: Room, member: Member, question: Callable[[Workspace, Connection], T]) -> Asked[T]:
    began, identity = time.monotonic(), None
    try:
        mine = ws.of_member(member)
        with room.session(mine) as conn:
            identity = conn.identity()
            answer = question(mine, conn)
    except Interrupted:
        raise
    except AegisError as error:
        return Asked(member, time.monotonic() - began, identity, error=error)
    return Asked(member, time.monotonic() - began, identity, answer)


@contextmanager
def _short_turns() -> Iterator[None]:
    turn = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
