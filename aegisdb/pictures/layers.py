"""Layered layout: what is pointed at stands left of what points at it; groups stand beside and below each other.

Pure arithmetic over names, sizes and edges.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Size = tuple[float, float]
Edge = tuple[str, str]
"""The node that points, and the node that is pointed at."""

_SWEEPS = 4


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> Box:
        """Move the box."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True)
class Placed:
    """Boxes by name, and the size of all."""

    boxes: Mapping[str, Box]
    width: float
    height: float


def depths(nodes: Iterable[str], edges: Iterable[Edge]) -> dict[str, int]:
    """The layer of each node: 0 points at nothing, others lie right of all that they point at; cycles are cut."""
    targets = defaultdict(list)
    for source, target in edges:
        if source != target:
            targets[source].append(target)
    known: dict[str, int] = {}
    for node in nodes:
        _depth(node, targets, known)
    return known


def _depth(start: str, targets: Mapping[str, Sequence[str]], known: dict[str, int]) -> None:
    # a stack instead of recursion: a chain may be longer than Python's stack
    stack, open_nodes = [start], set()
    while stack:
        node = stack[-1]
        if node in known:
            stack.pop()
            continue
        open_nodes.add(node)
        waiting = [t for t in targets.get(node, ()) if t not in known and t not in open_nodes]
        if waiting:
            stack.extend(waiting)
            continue
        known[node] = max((known[t] + 1 for t in targets.get(node, ()) if t in known), default=0)
        open_nodes.discard(node)
        stack.pop()


def layered(sizes: Mapping[str, Size], edges: Sequence[Edge], *, tallest: float, gap: Size) -> Placed:
    """Nodes in columns by depth; a column taller than `tallest` goes on in the next one."""
    inside = [(s, t) for s, t in edges if s in sizes and t in sizes and s != t]
    depth = depths(sorted(sizes), inside)
    layers = [sorted(n for n in sizes if depth[n] == level) for level in range(max(depth.values(), default=-1) + 1)]
    _untangle(layers, inside)
    boxes: dict[str, Box] = {}
    x = height = 0.0
    for column in (column for layer in layers for column in _columns(layer, sizes, tallest, gap[1])):
        y = 0.0
        for node in column:
            boxes[node] = Box(x, y, *sizes[node])
            y += sizes[node][1] + gap[1]
        height = max(height, y - gap[1])
        x += max(sizes[node][0] for node in column) + gap[0]
    return Placed(boxes, max(x - gap[0], 0.0), height)


def _untangle(layers: list[list[str]], edges: Sequence[Edge]) -> None:
    """Order each layer by the middle of its neighbours, back and forth."""
    near = defaultdict(list)
    for source, target in edges:
        near[source].append(target)
        near[target].append(source)
    for sweep in range(_SWEEPS):
        place = {node: index / len(layer) for layer in layers for index, node in enumerate(layer)}
        for layer in layers if sweep % 2 else reversed(layers):
            layer.sort(key=lambda n: (sum(place[m] for m in near[n]) / len(near[n]) if near[n] else place[n], n))
            place.update((node, index / len(layer)) for index, node in enumerate(layer))


def _columns(layer: Sequence[str], sizes: Mapping[str, Size], tallest: float, gap: float) -> list[list[str]]:
    columns: list[list[str]] = []
    height = math.inf
    for node in layer:
        if height + sizes[node][1] > tallest:
            columns.append([])
            height = 0.0
        columns[-1].append(node)
        height += sizes[node][1] + gap
    return columns


def packed(sizes: Mapping[str, Size], *, widest: float, gap: float) -> Placed:
    """Boxes in the order given, each as high up as it fits, then as far left; none sticks out over `widest`.

    Nothing is put above what was placed before: only the lower edge of all counts, so that a thousand boxes are quick.
    """
    boxes: dict[str, Box] = {}
    edge = [(0.0, 0.0)]
    for name, (width, height) in sizes.items():
        starts = [x for x, _ in edge if x == 0 or x + width <= widest]
        y, x = min((_lowest(edge, x, x + width + gap), x) for x in starts)
        boxes[name] = Box(x, y, width, height)
        edge = _lowered(edge, x, x + width + gap, y + height + gap)
    width = max((box.x + box.width for box in boxes.values()), default=0.0)
    return Placed(boxes, width, max((box.y + box.height for box in boxes.values()), default=0.0))


def _lowest(edge: Sequence[tuple[float, float]], left: float, right: float) -> float:
    """How far down the edge reaches between two places; each of its pieces goes on to the next one."""
    ends = [x for x, _ in edge[1:]] + [math.inf]
    return max(y for (x, y), end in zip(edge, ends, strict=True) if x < right and left < end)


def _lowered(edge: Sequence[tuple[float, float]], left: float, right: float, y: float) -> list[tuple[float, float]]:
    """The edge with a box that reaches down to `y` between two places."""
    behind = [depth for x, depth in edge if x <= right][-1]
    before, after = [piece for piece in edge if piece[0] < left], [piece for piece in edge if piece[0] > right]
    return [*before, (left, y), (right, behind), *after]
