"""Text of what the members of a fleet said: a line a group, never a row a member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Styled, Text, table
from aegisdb.plain_text import some_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def fleet(result: Any) -> Iterator[Block]:
    """The groups in one line, then who is in each."""
    if not result.groups:
        yield Text(f"no member of {result.of} is in shard {result.shard}", "warn")
        return
    yield Text("; ".join(f"{len(group.members)} {group.answer}" for group in result.groups))
    rows = (
        (str(len(group.members)), Styled(group.answer, group.style), some_of(group.members)) for group in result.groups
    )
    yield table(["members#", "answer", "which"], rows)


VIEWS = {"FleetResult": fleet}
