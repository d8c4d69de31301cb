"""Text view of a rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Styled, Text, duration, table
from aegisdb.plain_text import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.blocks import Style

_SHOWN = 3  # lines of one statement
_BAD = "readers and writers"
_COSTLY = ("scans the table", "builds an index")


def plan(result: Any) -> Iterator[Block]:
    """A heading a revision, what it does to each table, its statements with their time."""
    if not result.revisions and not result.failed:
        yield Text("nothing of this part is pending" if result.pending else "nothing is pending", "ok")
        return
    why = f" ({result.why})" if result.why else ""
    yield Text(f"rehearsed on {result.rehearsed_on}{why}", "warn" if result.why else "dim")
    if result.why:
        yield Text("locks, rewrites and statements hold; times and rows say nothing", "warn")
    if others := {name for part in result.parts for name in part.first - part.own}:
        yield Text(f"applied, too, and told by other parts: {', '.join(sorted(others))}", "dim")
    for revision in result.revisions:
        yield Text(
            f"{revision.service} {revision.revision} {revision.message}  {duration(revision.seconds)}", "heading"
        )
        yield from _one(revision)
    if result.failed:
        yield Text(f"rehearsal failed at {result.failed}", "bad")


def _one(revision: Any) -> Iterator[Block]:
    if revision.tables:
        columns = ["table", "rows#", "strongest lock", "stops", "what is done to it"]
        yield table(columns, map(_row, revision.tables))
    else:
        yield Text("  touches no table that was there before", "dim")
    for constraint in revision.constraints:
        style: Style = "warn" if constraint.check in _COSTLY else "ok"
        yield Text(f"  {constraint.table}: {constraint.constraint} {constraint.check}: {constraint.definition}", style)
    yield from (Text(f"  INVALID index left behind: {name}", "bad") for name in revision.invalid_indexes)
    yield from (Text(f"  {note}", "warn") for note in revision.notes)
    yield Text("\n".join(line for s in revision.statements for line in _statement(s)), verbatim=True)


def _row(touched: Any) -> tuple[Cell, ...]:
    rows = "" if touched.rows is None else f"{'' if touched.exact else '~'}{touched.rows}"
    stops = Styled(touched.stops or "nobody", "bad" if touched.stops == _BAD else "warn" if touched.stops else "ok")
    done = [
        *(["dropped"] if touched.dropped else []),
        *(["rewritten"] if touched.rewritten else []),
        *(
            f"{number} {word}"
            for number, word in (
                (touched.rows_read, "read"),
                (touched.inserted, "inserted"),
                (touched.updated, "updated"),
                (touched.deleted, "deleted"),
            )
            if number
        ),
    ]
    return (touched.table, rows, touched.lock.removesuffix("Lock"), stops, ", ".join(done) or "-")


def _statement(statement: Any) -> Iterator[str]:
    lines = [line.rstrip() for line in statement.sql.splitlines() if line.strip()]
    times = f"  x{statement.times}" if statement.times > 1 else ""
    outside = "  [outside of the transaction]" if statement.outside else ""
    yield f"  {duration(statement.seconds):>7}  {lines[0]}{times}{outside}"
    yield from (f"           {line}" for line in lines[1:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"           ... {number_of(len(lines) - _SHOWN, 'more line')}"


VIEWS = {"PlanResult": plan}
