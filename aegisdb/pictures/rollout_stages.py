"""A picture of a rollout: a row a stage, its members in order, each in the colour of how far it is."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from aegisdb.pictures.canvas import Canvas, shortened, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH, _ROW, _BAR, _LEFT, _SIDE = 640.0, 46.0, 20.0, 12.0, 16.0
_LONGEST = 24  # characters of a stage's name
_COLOURS = {
    "done": "o2 h", "nothing to do": "o5 h", "running": "o0 h", "failed": "o4 h", "decide": "o7 h", "died": "o1 h",
    "unknown": "o1 h", "not begun": "rule", "left out": "rule", "reverted": "o3 h",
}  # fmt: skip
"""By state; what stands in the way of a member before its turn has the colour of no other."""
_IN_THE_WAY = "o6 h"
_HUES = 8


def picture(stages: Mapping[str, Sequence[str]]) -> str:
    """The SVG of these states of members, by stage and in order."""
    canvas = Canvas()
    left = _LEFT + max((width_of(shortened(stage, _LONGEST)) for stage in stages), default=0.0) + 12
    for row, (stage, states) in enumerate(stages.items()):
        top = 12 + row * _ROW
        canvas.text(_LEFT, top + 14, shortened(stage, _LONGEST), "bold")
        _members(canvas, left, top, states)
        counts = ", ".join(f"{count} {state}" for state, count in Counter(states).items())
        canvas.text(left, top + _BAR + 14, counts or "no member", "dim")
    return canvas.document(left + _WIDTH + _LEFT, 16 + len(stages) * _ROW, title="stages", hues=_HUES)


def _members(canvas: Canvas, left: float, top: float, states: Sequence[str]) -> None:
    """A square a member as long as they have room in a row, else a bar for each run of equal ones."""
    side = min(_SIDE, _WIDTH / max(1, len(states)))
    apart = side >= _SIDE / 2
    runs = [[state] for state in states] if apart else [list(same) for _, same in groupby(states)]
    x = left
    for run in runs:
        width = side * len(run)
        canvas.rect(x, top, width - (2 if apart else 0), _BAR, _COLOURS.get(run[0], _IN_THE_WAY), round_by=2)
        x += width
