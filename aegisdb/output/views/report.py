"""Text views of `report` and `report.merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Text, size
from aegisdb.plain_text import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.page import ReportResult


def report(result: ReportResult) -> Iterator[Block]:
    """Show where the page is, and which sections tell of something wrong."""
    yield Text(f"{result.file} ({size(result.bytes)})", "ok")
    for title, count in result.findings.items():
        yield Text(f"{title}: {number_of(count, 'finding')}", "warn")


def _one(several: str) -> str:
    """The word of a report's key for one of these."""
    return f"{several[:-3]}y" if several.endswith("ies") else several.removesuffix("s")


def merge(result: Any) -> Iterator[Block]:
    """Count what the parts looked at."""
    counts = [number_of(len(result.services), "service")] if result.services else []
    lists = {key: value for key, value in result.report.items() if isinstance(value, list) and value}
    counts += [number_of(len(value), _one(key), key) for key, value in lists.items()]
    if "file" in result.report:
        counts = [
            number_of(result.report["tests"], "test"),
            number_of(result.report["failures"], "failure"),
            f"{result.report['skipped']} skipped",
        ]
    told = ", ".join(counts) or "nothing in them"
    yield Text(f"{result.merged}, all {result.shards} parts: {told}", "warn" if result.problems else "ok")
    if "file" in result.report:
        yield Text(f"written: {result.report['file']}", "dim")


VIEWS = {"MergeResult": merge, "ReportResult": report}
