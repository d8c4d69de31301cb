"""The picture of all histories: one column for each service, newest revision on top, and where the database is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.pictures.canvas import Canvas, owner_hues, shortened, width_of
from aegisdb.pictures.layers import Box, packed
from aegisdb.plain_text import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROW, _LANE, _HEAD, _PAD = 24.0, 16.0, 48.0, 16.0
_MARGIN, _GAP = 24.0, 28.0
_LONGEST = 52
_MARKS = 60.0  # room for "here" or "head"
_SHAPE = 2.4


@dataclass(frozen=True)
class Node:
    """A revision in the picture."""

    id: str
    message: str
    parents: tuple[str, ...]
    applied: bool
    is_head: bool
    is_here: bool
    """The version table names it."""


@dataclass(frozen=True)
class Tree:
    """A service's history, newest first."""

    service: str
    nodes: tuple[Node, ...]
    after: tuple[str, ...] = ()
    """Services that migrate before it."""
    fault: str = ""
    """Why the history cannot be read; then it has no nodes."""
    unknown: tuple[str, ...] = ()
    """Revisions in the version table that have no file."""

    @property
    def summary(self) -> str:
        """A few words for under the name."""
        if self.fault:
            return f"unreadable: {self.fault}"
        pending = sum(not node.applied for node in self.nodes)
        heads = sum(node.is_head for node in self.nodes)
        words = [number_of(len(self.nodes), "revision"), f"{pending} pending" if pending else "at head"]
        words += [f"{heads} heads"] if heads > 1 else []
        words += [f"unknown: {', '.join(self.unknown)}"] if self.unknown else []
        words += [f"after {', '.join(self.after)}"] if self.after else []
        return " · ".join(words)


def draw(trees: Iterable[Tree], *, title: str, order: tuple[str, ...] = ()) -> str:
    """The SVG; `order` is that of the services in the registry, which gives them the hues of the diagram."""
    trees = tuple(trees)
    lanes = {tree.service: _lanes(tree) for tree in trees}
    sizes = {tree.service: _size(tree, lanes[tree.service]) for tree in trees}
    area = sum((w + _GAP) * (h + _GAP) for w, h in sizes.values())
    widest = max(math.sqrt(area * _SHAPE), *(w for w, _ in sizes.values()), 0.0) if sizes else 0.0
    placed = packed(sizes, widest=widest, gap=_GAP)
    canvas = Canvas()
    canvas.text(_MARGIN, 24, title, "title")
    boxes = {name: box.moved(_MARGIN, _MARGIN + 16) for name, box in placed.boxes.items()}
    for tree in trees:  # before the boxes, which hide what runs behind them
        for needed in tree.after:
            if needed in boxes:
                _draw_need(canvas, tree.service, needed, boxes)
    hues = owner_hues(order, (tree.service for tree in trees))
    for tree in trees:
        _draw_tree(canvas, tree, boxes[tree.service], lanes[tree.service], f"o{hues[tree.service]}")
    return canvas.document(placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN + 24, title=title, hues=len(hues))


def _lanes(tree: Tree) -> dict[str, int]:
    """The lane of each revision: a line of descent keeps its lane, each further head opens one."""
    waiting: list[str] = []  # per lane, the revision that comes next in it
    found: dict[str, int] = {}
    for node in tree.nodes:
        lane = waiting.index(node.id) if node.id in waiting else _free(waiting)
        found[node.id] = lane
        waiting = [w if w != node.id else "" for w in waiting]
        for parent in node.parents:
            if parent not in waiting:
                spot = lane if not waiting[lane] else _free(waiting)
                waiting[spot] = parent
    return found


def _free(waiting: list[str]) -> int:
    if "" not in waiting:
        waiting.append("")
    return waiting.index("")


def _size(tree: Tree, lanes: Mapping[str, int]) -> tuple[float, float]:
    left = _PAD + (max(lanes.values(), default=0) + 1) * _LANE
    widest = max(
        (width_of(_text(node)) + (60 if node.is_here or node.is_head else 0) for node in tree.nodes), default=0
    )
    heading = max(width_of(tree.service) * 1.1, width_of(shortened(tree.summary, 90))) + _PAD
    return max(left + widest, heading) + _PAD, _HEAD + 10 + len(tree.nodes) * _ROW + 6


def _text(node: Node) -> str:
    return f"{shortened(node.id, 14)}  {shortened(node.message, _LONGEST)}"


def _draw_tree(canvas: Canvas, tree: Tree, box: Box, lanes: Mapping[str, int], hue: str) -> None:
    canvas.rect(box.x, box.y, box.width, box.height, f"{hue} f", round_by=10)
    canvas.text(box.x + _PAD, box.y + 22, tree.service, "title")
    canvas.text(box.x + _PAD, box.y + 40, shortened(tree.summary, 90), "dim")
    spots = {
        node.id: (box.x + _PAD + lanes[node.id] * _LANE + 6, box.y + _HEAD + 18 + number * _ROW)
        for number, node in enumerate(tree.nodes)
    }
    for node in tree.nodes:
        for parent in node.parents:
            if parent in spots:
                _descent(canvas, spots[node.id], spots[parent], hue)
    text_x = box.x + _PAD + (max(lanes.values(), default=0) + 1) * _LANE + 4
    for node in tree.nodes:
        x, y = spots[node.id]
        canvas.circle(x, y, 5, f"{hue} d" if node.applied else f"hollow {hue} s")
        canvas.text(text_x, y + 4, _text(node), "" if node.applied else "dim")
        _draw_marks(canvas, node, text_x + width_of(_text(node)) + 10, y + 4)


def _draw_marks(canvas: Canvas, node: Node, x: float, y: float) -> None:
    if node.is_here:
        canvas.text(x, y, "◀ here", "good bold")
    elif node.is_head:
        canvas.text(x, y, "head", "dim bold")


def _descent(canvas: Canvas, child: tuple[float, float], parent: tuple[float, float], hue: str) -> None:
    (x1, y1), (x2, y2) = child, parent
    if x1 == x2:
        canvas.line(x1, y1 + 5, x2, y2 - 5, f"{hue} s")
    else:
        bend = f"C{x1:.1f},{y1 + 20:.1f} {x2:.1f},{y2 - 20:.1f} {x2:.1f},{y2 - 5:.1f}"
        canvas.path(f"M{x1:.1f},{y1 + 5:.1f} {bend}", "edge")


def _draw_need(canvas: Canvas, service: str, needed: str, boxes: Mapping[str, Box]) -> None:
    """A curve from the heading of a service to that of the one that migrates before it."""
    source, target = boxes[service], boxes[needed]
    beside = source.x >= target.x + target.width or target.x >= source.x + source.width
    right = beside and source.x > target.x
    from_left = right or not beside
    x1 = source.x if from_left else source.x + source.width
    x2 = target.x + target.width if right else target.x
    y1, y2 = source.y + 18, target.y + 18
    # below each other: round the left side, in the margin
    bend = max(abs(x1 - x2) / 2, 12.0) if beside else _MARGIN - 8
    c1, c2 = (x1 - bend if from_left else x1 + bend), (x2 + bend if right else x2 - bend)
    curve = f"C{c1:.1f},{y1:.1f} {c2:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
    canvas.path(f"M{x1:.1f},{y1:.1f} {curve}", "edge", f"{service} migrates after {needed}")
    back = 7 if right else -7
    canvas.path(f"M{x2:.1f},{y2:.1f} l{back},-4 l0,8 z", "tip")
