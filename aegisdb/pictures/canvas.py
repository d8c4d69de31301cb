"""SVG by hand: a few shapes, text measured in monospace, colours that follow the reader's light or dark theme."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aegisdb.plain_text import guarded, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

CHAR = 7.25
"""Width of a character at 12 pixels in the fonts named below."""
_SMALLEST = 0.7  # of its natural size
MADE_BY = "made by aegisdb"
"""A mark in every file that we write, so that only such a file is ever overwritten."""

# one hue per owner, in degrees; neighbours in this order are easy to tell apart
_HUES = (212, 28, 140, 280, 350, 180, 55, 310, 95, 245)

_STYLE = """
  svg { --paper: #ffffff; --ink: #1f2328; --dim: #656d76; --line: #8c959f; --rule: #d0d7de; --good: #1a7f37; }
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--ink); }
  .paper { fill: var(--paper); }
  .title { font-weight: 600; font-size: 13px; }
  .dim { fill: var(--dim); }
  .good { fill: var(--good); }
  .bold { font-weight: 600; }
  .edge { fill: none; stroke: var(--line); stroke-width: 1.3; opacity: .75; }
  .far { opacity: .5; }
  .edge:hover { stroke-width: 3; opacity: 1; }
  .rule { stroke: var(--rule); stroke-width: 1; fill: none; }
  .tip { fill: var(--line); }
  .box { fill: var(--paper); stroke-width: 1.3; }
  .hollow { fill: var(--paper); stroke-width: 2; }
"""
_DARK = "svg { --paper: #0d1117; --ink: #e6edf3; --dim: #9198a1; --line: #768390; --rule: #3d444d; --good: #3fb950; }"


def owner_hues(order: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    """The number of each owner's hue, the same in every picture: the base schema's, the services' in order, others."""
    return {owner: number for number, owner in enumerate(dict.fromkeys(("base", *order, *found)))}


def hue_styles(count: int) -> str:
    """Classes `o0`, `o1`, ... for owners: `f` fills faintly, `s` strokes, `h` fills a heading, `t` colours text."""
    light, dark = [], []
    for number in range(count):
        hue = _HUES[number % len(_HUES)]
        light.append(_hue(number, f"hsl({hue} 60% 97%)", f"hsl({hue} 55% 42%)", f"hsl({hue} 65% 88%)"))
        dark.append(_hue(number, f"hsl({hue} 30% 10%)", f"hsl({hue} 55% 62%)", f"hsl({hue} 40% 24%)"))
    rules = "\n  ".join(light)
    return f"{_STYLE}  {rules}\n  @media (prefers-color-scheme: dark) {{\n  {_DARK}\n  " + "\n  ".join(dark) + "\n  }\n"


def _hue(number: int, faint: str, strong: str, heading: str) -> str:
    name = f".o{number}"
    return (
        f"{name}.f {{ fill: {faint}; stroke: {heading}; }} {name}.s {{ stroke: {strong}; }} "
        f"{name}.h {{ fill: {heading}; }} {name}.t {{ fill: {strong}; }} {name}.d {{ fill: {strong}; }}"
    )


class Canvas:
    """Collects shapes in the order in which they are painted."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, css: str, *, round_by: float = 5) -> None:
        """A rectangle."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{round_by}" class="{css}"/>'
        )

    def text(self, x: float, y: float, text: str, css: str = "", *, anchor: str = "start") -> None:
        """Draw a line of text; `y` is its baseline."""
        where = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}"{where}>{_label(text)}</text>')

    def circle(self, x: float, y: float, radius: float, css: str) -> None:
        """A circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{css}"/>')

    def path(self, d: str, css: str, title: str = "") -> None:
        """A line; `title` shows when the pointer is on it."""
        inside = f"<title>{_label(title)}</title>" if title else ""
        self._parts.append(f'<path d="{d}" class="{css}">{inside}</path>')

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        """A straight line."""
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def document(self, width: float, height: float, *, title: str, hues: int) -> str:
        """The whole file; it scales with the page and has no script."""
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" '
            # it shrinks to the page as long as it can be read, then it scrolls
            f'style="max-width: max(100%, {width * _SMALLEST:.0f}px); height: auto">\n'
            f"<!-- {MADE_BY} -->\n<title>{_label(title)}</title>\n<style>{hue_styles(hues)}</style>\n"
            f'<rect width="100%" height="100%" class="paper"/>\n{body}\n</svg>\n'
        )


def _label(text: str) -> str:
    return escape(guarded(one_line(text)))


def width_of(text: str) -> float:
    """Pixels that a line of 12 pixel text takes."""
    return len(text) * CHAR


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
