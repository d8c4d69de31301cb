"""Text views of `report` and `report.merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Text, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.page import ReportResult


def report(result: ReportResult) -> Iterator[Block]:
    """Show where the page is, and which sections tell of something wrong."""
    yield Text(f"{result.file} ({size(result.bytes)})", "ok")
    for title, count in result.findings.items():
        yield Text(f"{title}: {count} finding{'s' if count > 1 else ''}", "warn")


def merge(result: Any) -> Iterator[Block]:
    """Count what the parts looked at."""
    counts = [f"{len(result.services)} services"] if result.services else []
    lists = {key: value for key, value in result.report.items() if isinstance(value, list) and value}
    counts += [f"{len(value)} {key}" for key, value in lists.items()]
    if "file" in result.report:
        counts = [f"{result.report[name]} {name}" for name in ("tests", "failures", "skipped")]
    told = ", ".join(counts) or "nothing in them"
    yield Text(f"{result.merged}, all {result.shards} parts: {told}", "warn" if result.problems else "ok")
    if "file" in result.report:
        yield Text(f"written: {result.report['file']}", "dim")


VIEWS = {"MergeResult": merge, "ReportResult": report}
