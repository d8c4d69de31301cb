"""Text views of `migrate.log` and of `migrate.resolve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Styled, Text, duration, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.blocks import Style

_OUTCOMES: dict[str, Style] = {"done": "ok", "resolved": "ok", "started": "warn"}


def log(result: Any) -> Iterator[Block]:
    """Show a row for each entry, the newest last."""
    if not result.entries:
        yield Text("the journal of this database is empty")
        return
    columns = ["when", "service", "revision", "action", "outcome", "time#", "by", "commit", "note"]
    yield table(columns, map(_row, result.entries))


def _row(entry: Any) -> list[Cell]:
    return [
        f"{entry.started:%Y-%m-%d %H:%M:%S}",
        entry.service,
        entry.revision,
        entry.action,
        Styled(entry.outcome, _OUTCOMES.get(entry.outcome, "bad")),
        "" if entry.seconds is None else duration(entry.seconds),
        entry.who,
        entry.git_commit[:8],
        entry.note or entry.command,
    ]


def source(result: Any) -> Iterator[Block]:
    """The source as it is, or where it was written to."""
    if result.path:
        yield Text(
            f"{result.service} {result.revision} as it ran on {result.ran:%Y-%m-%d %H:%M:%S}: {result.path}", "ok"
        )
    else:
        yield Text(result.source.rstrip("\n"), verbatim=True)


VIEWS = {"LogResult": log, "SourceResult": source}
