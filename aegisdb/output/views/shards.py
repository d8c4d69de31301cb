"""Text view of `shards.merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


def merge(result: Any) -> Iterator[Block]:
    """Count what the parts looked at."""
    counts = [f"{len(result.services)} services"] if result.services else []
    lists = {key: value for key, value in result.report.items() if isinstance(value, list) and value}
    counts += [f"{len(value)} {key}" for key, value in lists.items()]
    told = ", ".join(counts) or "nothing in them"
    yield Text(f"{result.merged}, all {result.shards} parts: {told}", "warn" if result.problems else "ok")


VIEWS = {"MergeResult": merge}
