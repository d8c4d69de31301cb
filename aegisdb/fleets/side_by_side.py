"""Work on several members at once, each in a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from aegisdb.errors import AegisError, Interrupted
from aegisdb.fleets.asking import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aegisdb.members.choice import Member
    from aegisdb.workspace import Workspace

T = TypeVar("T")


def side_by_side(
    ws: Workspace, members: Sequence[Member], work: Callable[[Workspace, Member], T]
) -> Iterator[T | AegisError]:
    """What the work gave for each member, or why it failed there; at most `per_server` of the fleet at once.

    Whoever interrupts it waits for members that have begun, and no other begins.
    """

    def done(member: Member) -> T | AegisError:
        try:
            return work(ws.of_member(member), member)
        except Interrupted:
            raise
        except AegisError as error:
            return error

    with ThreadPoolExecutor(chosen(ws).settings.per_server, thread_name_prefix="member") as pool:
        try:
            yield from pool.map(done, members)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
