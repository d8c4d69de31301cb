"""Text of the collection `db`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.output.blocks import Block, Styled, Text, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.workflows.reset import ResetResult
    from aegisdb.workflows.url import UrlResult


def url(result: UrlResult) -> Iterator[Block]:
    """The URL alone, for `psql "$(invoke db.url)"`."""
    yield Text(result.url, verbatim=True)


def reset(result: ResetResult) -> Iterator[Block]:
    """What was made, then how to undo it."""
    yield table(["", "made", ""], ([made.kind, Styled(made.name, "name"), made.what] for made in result.made))
    yield Text("")
    yield Text(f"database {result.database} is fresh and verified", "ok")
    if result.flushed:
        yield Text(f"emptied: {', '.join(result.flushed)}")
    if result.undo:
        yield Text(f"the one before is kept as {result.kept_as}: {result.undo}")


VIEWS = {"UrlResult": url, "ResetResult": reset}
