"""A picture of a rollout: a bar a stage, its members in parts by how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.pictures.canvas import Canvas, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH, _ROW, _BAR, _LEFT = 620.0, 46.0, 20.0, 12.0


def picture(stages: Mapping[str, Mapping[str, int]]) -> str:
    """The SVG of these counts, by stage and word."""
    canvas = Canvas()
    words = list(dict.fromkeys(word for counts in stages.values() for word in counts))
    left = _LEFT + max((width_of(stage) for stage in stages), default=0.0) + 12
    for row, (stage, counts) in enumerate(stages.items()):
        top = 12 + row * _ROW
        canvas.text(_LEFT, top + 14, stage, "bold")
        _bar(canvas, left, top, counts, words)
    return canvas.document(left + _WIDTH + _LEFT, 16 + len(stages) * _ROW, title="stages", hues=max(1, len(words)))


def _bar(canvas: Canvas, left: float, top: float, counts: Mapping[str, int], words: list[str]) -> None:
    total = sum(counts.values())
    x = left
    for word, count in counts.items():
        width = _WIDTH * count / total
        number = words.index(word)
        canvas.rect(x, top, width, _BAR, f"o{number} h", round_by=2)
        x += width
    canvas.text(left, top + _BAR + 14, ", ".join(f"{count} {word}" for word, count in counts.items()) or "empty", "dim")
