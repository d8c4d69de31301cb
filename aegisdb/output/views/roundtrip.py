"""Text view of the roundtrip proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Styled, Text, duration, table
from aegisdb.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_STYLES = {"proven": "ok", "one way": "warn", "failed": "bad", "not reached": "warn"}


def roundtrip(result: Any) -> Iterator[Block]:
    """One row a revision; below it what is not clean, with the line of difference."""
    proofs = [proof for service in result.services for proof in service.revisions]
    if not proofs:
        yield Text(f"{result.scope}: nothing to prove", "ok")
        return
    columns = ["service", "revision", "message", "result", "objects#", "up#", "down#"]
    yield table([*columns, "rows lost#"] if result.with_data else columns, (_row(p, result) for p in proofs))
    for proof in proofs:
        lost = ", ".join(f"{table} {rows}" for table, rows in proof.rows_lost.items())
        values = ", ".join(f"{column} {number}" for column, number in proof.values_lost.items())
        lines = [*map(str, proof.findings), *proof.notes, *([f"downgrade takes rows along: {lost}"] if lost else [])]
        lines += [f"downgrade takes values along: {values}"] if values else []
        if lines:
            yield Text(f"{proof.service} {proof.revision}", "heading")
            yield Text("\n".join(one_line(f"  {line}") for line in lines), verbatim=True)
    if result.rows:
        yield Text(one_line(result.rows))
    yield _summary(result, proofs)


def _row(proof: Any, result: Any) -> tuple[Cell, ...]:
    status = Styled(proof.status, _STYLES[proof.status])  # type: ignore[arg-type]
    times = (duration(proof.up_seconds), duration(proof.down_seconds))
    cells: tuple[Cell, ...] = (proof.service, proof.revision, proof.message, status, str(proof.objects), *times)
    return (*cells, str(sum(proof.rows_lost.values()))) if result.with_data else cells


def _summary(result: Any, proofs: list[Any]) -> Text:
    counts = {status: sum(p.status == status for p in proofs) for status in _STYLES}
    words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    style = "bad" if counts["failed"] else "ok"
    return Text(f"{result.scope}: {words} in {duration(result.seconds)}", style)  # type: ignore[arg-type]


VIEWS = {"RoundtripResult": roundtrip}
