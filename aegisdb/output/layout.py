"""Turn blocks into lines for a given width. Plain Python: importing rich would cost more than most commands take."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from aegisdb.output.blocks import Block, Cell, Fields, Script, Style, Styled, Table, Text
from aegisdb.plain_text import clean, guarded, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_COLOURS: dict[Style, str] = {
    "ok": "32",
    "warn": "33",
    "bad": "31",
    "dim": "2",
    "name": "36",
    "heading": "1",
}
_GAP = 2
_NARROWEST = 10
"""A column is not squeezed below this; rather the table becomes records."""
_WORDS = re.compile(r"\s+|\S+")
_PIECES = re.compile(r"[^\s\-_.,/:@]*[-_.,/:@]+|[^\s\-_.,/:@]+")
"""The pieces of a word, each up to its separator: a break there is better than amid `orchestration.seed_skills`."""


def layout(blocks: Iterable[Block], *, width: int | None, colour: bool) -> Iterator[str]:
    """Lines of the blocks; `width` in columns, None for as wide as they come (pipes and files)."""
    for number, block in enumerate(blocks):
        if number and isinstance(block, Table) and block.title:
            yield ""
        if isinstance(block, Script):
            yield from block.text.split("\n")
        elif width is None and isinstance(block, Text) and not block.verbatim:
            # as below: most lines of a long output
            yield guarded(paint(one_line(block.text), block.style, colour=colour))
        else:
            yield from map(guarded, _lines(block, width, colour=colour))


def _lines(block: Text | Fields | Table, width: int | None, *, colour: bool) -> Iterator[str]:
    if isinstance(block, Text):
        return _text(block, width, colour=colour)
    if isinstance(block, Fields):
        return _fields(block, width, colour=colour)
    return _table(block, width, colour=colour)


def paint(text: str, style: Style, *, colour: bool) -> str:
    """The text in the colour of its meaning."""
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if colour and style and text else text


def display_width(text: str) -> int:
    """Columns that a terminal needs: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _content(cell: Cell) -> str:
    return one_line(cell.text if isinstance(cell, Styled) else cell)


def _contents(cell: Cell) -> str:
    return clean(cell.text if isinstance(cell, Styled) else cell).expandtabs(4)


def _style(cell: Cell) -> Style:
    return cell.style if isinstance(cell, Styled) else ""


def _wrap(text: str, width: int | None) -> list[str]:
    if width is None or (len(text) <= width and text.isascii()):
        return text.split("\n")
    return [piece for line in text.split("\n") for piece in (_wrap_line(line, max(width, 1)) or [""])]


def _wrap_line(line: str, width: int) -> list[str]:
    """Broken between words, and within one only where it is longer than a line; later lines stand below the first."""
    if display_width(line) <= width:
        return [line]
    text = line.lstrip()
    indent = line[: len(line) - len(text)] if len(line) - len(text) <= width // 2 else ""
    room = width - len(indent)
    lines = [""]
    for part in _parts(text, room):
        if lines[-1] and display_width((lines[-1] + part).rstrip()) > room:
            lines.append("")
        if lines[-1] or not part.isspace():
            lines[-1] += part
    return [(indent + found).rstrip() for found in lines]


def _parts(text: str, width: int) -> Iterator[str]:
    for word in _WORDS.findall(text):
        if display_width(word) <= width or word.isspace():
            yield word
            continue
        for piece in _PIECES.findall(word):
            yield from _cut(piece, width)


def _cut(line: str, width: int) -> list[str]:
    pieces, current, used = [], "", 0
    for char in line:
        size = display_width(char)
        if used + size > width and current:
            pieces.append(current)
            current, used = "", 0
        current, used = current + char, used + size
    return [*pieces, current]


def _text(block: Text, width: int | None, *, colour: bool) -> Iterator[str]:
    lines = _contents(block.text).split("\n") if block.verbatim else _wrap(_content(block.text), width)
    yield from (paint(line, block.style, colour=colour) for line in lines)


def _fields(block: Fields, width: int | None, *, colour: bool) -> Iterator[str]:
    if not block.pairs:
        return
    pairs = [(one_line(name), value) for name, value in block.pairs]
    names = max(display_width(name) for name, _ in pairs)
    room = None if width is None else width - names - _GAP
    for name, value in pairs:
        if room is not None and room < _NARROWEST:
            yield paint(name, "dim", colour=colour)
            yield from ("  " + line for line in _painted(value, None if width is None else width - 2, colour=colour))
            continue
        for number, line in enumerate(_painted(value, room, colour=colour)):
            label = name if number == 0 else ""
            yield (paint(_pad(label, names), "dim", colour=colour) + " " * _GAP + line).rstrip()


def _painted(cell: Cell, width: int | None, *, colour: bool) -> list[str]:
    return [paint(line, _style(cell), colour=colour) for line in _wrap(_contents(cell), width)]


def _pad(text: str, width: int, *, right: bool = False) -> str:
    if text.isascii():
        return text.rjust(width) if right else text.ljust(width)
    fill = " " * max(width - display_width(text), 0)
    return fill + text if right else text + fill


def _table(block: Table, width: int | None, *, colour: bool) -> Iterator[str]:
    if block.title:
        yield paint(_content(block.title), "heading", colour=colour)
    if not block.rows:
        return
    headings = [one_line(column.removesuffix("#")) for column in block.columns]
    rows = [list(map(_content, row)) for row in block.rows]
    widths = _column_widths(headings, rows, width)
    if widths is None:
        yield from _records(headings, block.rows, width, colour=colour)
        return
    right = [column.endswith("#") for column in block.columns]
    header = [_pad(heading, size, right=r) for heading, size, r in zip(headings, widths, right, strict=True)]
    yield paint((" " * _GAP).join(header).rstrip(), "dim", colour=colour)
    for row, cells in zip(rows, block.rows, strict=True):
        yield from _row(row, list(map(_style, cells)) if colour else [""] * len(cells), widths, right)


def _column_widths(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    columns = zip(headings, *rows, strict=True)
    widths = [max(map(display_width, column)) for column in columns]
    gaps = _GAP * (len(widths) - 1)
    if width is None or sum(widths) + gaps <= width:
        return widths
    floor = [min(size, max(_NARROWEST, display_width(heading))) for size, heading in zip(widths, headings, strict=True)]
    if sum(floor) + gaps > width:
        return None
    for breaks in (_WORDS, _PIECES):  # the columns stay as wide as their longest word, or part of one, where they can
        whole = [max(size, _longest(rows, number, breaks)) for number, size in enumerate(floor)]
        if sum(whole) + gaps <= width:
            floor = whole
            break
    while sum(widths) + gaps > width:
        widest = max((n for n in range(len(widths)) if widths[n] > floor[n]), key=lambda n: widths[n])
        widths[widest] -= 1
    return widths


def _longest(rows: Sequence[Sequence[str]], number: int, breaks: re.Pattern[str]) -> int:
    return max(display_width(piece) for row in rows for piece in breaks.findall(row[number]) or [""])


def _row(row: Sequence[str], styles: Sequence[Style], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """Lines of a row; a cell is painted where it has a style."""
    cells = [_wrap(text, size) for text, size in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        pieces = []
        for style, lines, size, r in zip(styles, cells, widths, right, strict=True):
            line = lines[number] if number < len(lines) else ""
            padding = _pad(line, size, right=r)
            pieces.append(padding.replace(line, paint(line, style, colour=True), 1) if line and style else padding)
        yield (" " * _GAP).join(pieces).rstrip()


def _records(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None, *, colour: bool
) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        pairs = [(heading, cell) for heading, cell in zip(headings, row, strict=True) if _content(cell)]
        yield from _fields(Fields(tuple(pairs)), width, colour=colour)
