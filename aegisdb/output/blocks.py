"""What a text view is made of. Views build blocks, `layout` turns them into lines; neither prints.

A cell or a text is a plain `str`, or `Styled` for a meaning: "ok", "warn", "bad", "dim", "name", "heading".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Style = Literal["", "ok", "warn", "bad", "dim", "name", "heading"]


@dataclass(frozen=True)
class Styled:
    """Text with a meaning; colour on a terminal, nothing elsewhere."""

    text: str
    style: Style = ""


Cell = str | Styled


@dataclass(frozen=True)
class Script:
    """Lines for another program, which would understand others than these: nothing is cleaned, wrapped or coloured."""

    text: str


class Text(NamedTuple):
    """A line, wrapped on a terminal; or with `verbatim` many of them as they are (a statement, a tree, a diff)."""

    # not a dataclass, which takes several times as long: lint says 400,000 lines

    text: str
    style: Style = ""
    verbatim: bool = False


@dataclass(frozen=True)
class Fields:
    """`name  value` pairs, names in one column."""

    pairs: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Table:
    """Rows under a header; becomes one record per row where the terminal is too narrow for columns."""

    columns: tuple[str, ...]
    """Headings; one that ends with "#" (which is not shown) is aligned right."""
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


Block = Text | Script | Fields | Table


def table(columns: Iterable[str], rows: Iterable[Iterable[Cell]], title: str = "") -> Table:
    """A table from any iterables."""
    return Table(tuple(columns), tuple(tuple(row) for row in rows), title)


def size(count: int) -> str:
    """Bytes as a person says them: `512 B`, `11 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:  # noqa: PLR2004 - from here on it would round to 1000
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.0f} TB"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `12 ms`, `1.2 s`, `3 min 20 s`."""
    if seconds < 0.9995:  # noqa: PLR2004 - from here on it would round to 1000 ms
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:  # noqa: PLR2004 - likewise to 60.0 s
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
