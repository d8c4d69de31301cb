"""Text view of `aegisdb init`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Styled, Text, table

if TYPE_CHECKING:
    from collections.abc import Iterator


def initialised(result: Any) -> Iterator[Block]:
    """What was written, which histories, what to look at, what to type next."""
    if result.services:
        rows = [
            (Styled(one.service, "name"), one.path, one.version_table, str(one.revisions), " ".join(one.tables))
            for one in result.services
        ]
        yield table(("service", "path", "version table", "revisions#", "tables"), rows)
    for doubt in result.unsure:
        yield Text(f"look at: {doubt}", "warn")
    if not result.written and result.text:
        yield Text(result.text.rstrip(), verbatim=True)
    yield Text(_done(result), "ok" if result.written else "")
    if result.written and result.files:
        on = " (on the DATABASE_URL of .env, or --target NAME)" if "dotenv" in result.targets else ""
        yield Text(f"next: invoke db.prepare{on}, then invoke ci")


def _done(result: Any) -> str:
    if not result.files:
        every = result.histories and not result.problems
        return f"every history below {result.root} is registered; nothing to write" if every else "nothing to write"
    return f"{'wrote' if result.written else 'would write'} {' and '.join(result.files)} in {result.root}"


VIEWS = {"InitResult": initialised}
