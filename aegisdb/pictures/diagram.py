"""The diagram of a database: one framed group for each owner, tables inside by foreign keys, coloured by owner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.pictures.canvas import Canvas, owner_hues, shortened, width_of
from aegisdb.pictures.layers import Box, layered, packed
from aegisdb.plain_text import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.pictures.tables import Column, ForeignKey, Schema, Table

ALL_COLUMNS_UP_TO = 40
"""Tables; a larger diagram shows keys only."""

_ROW, _HEAD, _PAD = 18.0, 26.0, 10.0
_GAP = (64.0, 18.0)
_FRAME = (16.0, 40.0, 16.0)  # sides, top, bottom
_MARGIN, _GROUP_GAP = 24.0, 44.0
_LONGEST = 34  # characters of a name or a type
_SHAPE = 1.5  # width to height that the whole strives for
_NOBODY = "owned by nobody"


@dataclass(frozen=True)
class _Card:
    """A table as it is drawn."""

    table: Table
    rows: tuple[Column, ...]
    hidden: int
    """Columns that are not shown."""

    @property
    def size(self) -> tuple[float, float]:
        lines = [_label(column) for column in self.rows]
        longest = max([width_of(a) + width_of(b) + 34 for a, b in lines], default=0.0)
        rows = len(self.rows) + bool(self.hidden) + bool(self.table.graph)
        return max(longest, width_of(self.table.title) * 1.1 + 24, 120), _HEAD + rows * _ROW + (6 if rows else 0)

    def anchor(self, box: Box, columns: tuple[str, ...]) -> float:
        """The height of a column's row, of the heading where it is not shown."""
        for number, column in enumerate(self.rows):
            if column.name in columns:
                return box.y + _HEAD + (number + 0.5) * _ROW + 2
        return box.y + _HEAD / 2


def draw(schema: Schema, *, title: str, order: tuple[str, ...] = ()) -> str:
    """The SVG; `order` is the owners' order, others follow by name."""
    keys_only = len(schema.tables) > ALL_COLUMNS_UP_TO
    cards = {table.key: _card(table, keys_only=keys_only) for table in schema.tables}
    groups = _groups(schema, order)
    hues = owner_hues(order, (owner for owner, _ in groups))
    frames, boxes, width, height = _place(cards, groups, schema)
    canvas = Canvas()
    canvas.text(_MARGIN, 24, title, "title")
    for group, frame in frames.items():
        canvas.rect(frame.x, frame.y, frame.width, frame.height, f"o{hues[group[0]]} f", round_by=10)
        canvas.text(frame.x + _FRAME[0], frame.y + 24, _heading(group), "title")
    for key in schema.keys:
        # in the colour of what it points at: in a thicket the eye follows the colour
        css = f"o{hues[cards[key.target].table.owner]}"
        _edge(canvas, key, cards, boxes, css)
    for key_, card in cards.items():
        _draw_card(canvas, card, boxes[key_], f"o{hues[card.table.owner]}")
    return canvas.document(width + 2 * _MARGIN, height + 2 * _MARGIN + 24, title=title, hues=len(hues))


def _card(table: Table, *, keys_only: bool) -> _Card:
    rows = tuple(c for c in table.columns if c.primary or c.foreign) if keys_only else table.columns
    return _Card(table, rows, len(table.columns) - len(rows))


def _groups(schema: Schema, order: tuple[str, ...]) -> list[tuple[str, str]]:
    """Owner and graph of each group, in order."""
    rank = {owner: number for number, owner in enumerate(("base", *order))}
    found = {(table.owner, table.graph) for table in schema.tables}
    return sorted(found, key=lambda group: (group[0] == "", rank.get(group[0], len(rank)), group))


def _heading(group: tuple[str, str]) -> str:
    owner, graph = group
    return f"{owner or _NOBODY}: graph {graph}" if graph else owner or _NOBODY


def _place(
    cards: Mapping[str, _Card], groups: list[tuple[str, str]], schema: Schema
) -> tuple[dict[tuple[str, str], Box], dict[str, Box], float, float]:
    sizes = {key: card.size for key, card in cards.items()}
    area = sum((w + _GAP[0]) * (h + _GAP[1]) for w, h in sizes.values())
    tallest = max(math.sqrt(area / _SHAPE) * 0.8, max((h for _, h in sizes.values()), default=0.0))
    group_of = {key: (card.table.owner, card.table.graph) for key, card in cards.items()}
    members: dict[tuple[str, str], dict[str, tuple[float, float]]] = {group: {} for group in groups}
    edges: dict[tuple[str, str], list[tuple[str, str]]] = {group: [] for group in groups}
    for key, group in group_of.items():
        members[group][key] = sizes[key]
    for foreign in schema.keys:
        edges[group_of[foreign.source]].append((foreign.source, foreign.target))
    inner = {group: layered(members[group], edges[group], tallest=tallest, gap=_GAP) for group in groups}
    side, top, bottom = _FRAME
    names = {"\0".join(group): group for group in groups}
    outer = packed(
        {
            name: (
                max(inner[group].width, width_of(_heading(group)) * 1.1) + 2 * side,
                inner[group].height + top + bottom,
            )
            for name, group in names.items()
        },
        widest=math.sqrt(area * _SHAPE) * 1.35,
        gap=_GROUP_GAP,
    )
    frames = {group: outer.boxes[name].moved(_MARGIN, _MARGIN + 16) for name, group in names.items()}
    boxes = {
        key: box.moved(frames[group].x + side, frames[group].y + top)
        for group in groups
        for key, box in inner[group].boxes.items()
    }
    return frames, boxes, outer.width, outer.height


def _edge(canvas: Canvas, key: ForeignKey, cards: Mapping[str, _Card], boxes: Mapping[str, Box], hue: str) -> None:
    """A curve from the column to the heading of the table that it points at, with a tip there."""
    far = " far" if cards[key.source].table.owner != cards[key.target].table.owner else ""
    line = f"edge {hue} s{far}"
    source, target = boxes[key.source], boxes[key.target]
    y1, y2 = cards[key.source].anchor(source, key.columns), target.y + _HEAD / 2
    title = f"{key.source} ({', '.join(key.columns)}) → {key.target}: {key.name}"
    if key.source == key.target:
        right = source.x + source.width
        canvas.path(
            f"M{right:.1f},{y1:.1f} C{right + 30:.1f},{y1:.1f} {right + 30:.1f},{y2:.1f} {right:.1f},{y2:.1f}",
            line,
            title,
        )
        return
    leaves_left = source.x >= target.x + target.width or abs(source.x - target.x) < 1
    enters_right = source.x > target.x + 1
    x1 = source.x if leaves_left else source.x + source.width
    x2 = target.x + target.width if enters_right else target.x
    bend = max(28.0, min(abs(x1 - x2) / 2, 160.0))
    c1, c2 = x1 - bend if leaves_left else x1 + bend, x2 + bend if enters_right else x2 - bend
    canvas.path(f"M{x1:.1f},{y1:.1f} C{c1:.1f},{y1:.1f} {c2:.1f},{y2:.1f} {x2:.1f},{y2:.1f}", line, title)
    back = 7 if enters_right else -7
    canvas.path(f"M{x2:.1f},{y2:.1f} l{back},-4 l0,8 z", f"tip {hue} d")


def _draw_card(canvas: Canvas, card: _Card, box: Box, hue: str) -> None:
    canvas.rect(box.x, box.y, box.width, box.height, f"box {hue} s")
    canvas.rect(box.x + 0.7, box.y + 0.7, box.width - 1.4, _HEAD - 1, f"{hue} h", round_by=4)
    canvas.text(box.x + _PAD, box.y + 17, card.table.title, "title")
    y = box.y + _HEAD + 15
    if card.table.graph:
        canvas.text(box.x + _PAD, y, card.table.note, "dim")
        return
    for column in card.rows:
        name, type_ = _label(column)
        canvas.text(box.x + _PAD, y, name, f"bold {hue} t" if column.primary else f"{hue} t" if column.foreign else "")
        canvas.text(box.x + box.width - _PAD, y, type_, "dim", anchor="end")
        y += _ROW
    if card.hidden:
        canvas.text(box.x + _PAD, y, f"+ {number_of(card.hidden, 'column')}", "dim")


def _label(column: Column) -> tuple[str, str]:
    kind = column.type.replace("timestamp with time zone", "timestamptz").replace("double precision", "float8")
    return shortened(column.name, _LONGEST), shortened(kind + ("" if column.not_null else "?"), _LONGEST)
