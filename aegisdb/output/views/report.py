"""Text view of `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.output.blocks import Block, Text, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.page import ReportResult


def report(result: ReportResult) -> Iterator[Block]:
    """Show where the page is, and which sections tell of something wrong."""
    yield Text(f"{result.file} ({size(result.bytes)})", "ok")
    for title, count in result.findings.items():
        yield Text(f"{title}: {count} finding{'s' if count > 1 else ''}", "warn")


VIEWS = {"ReportResult": report}
