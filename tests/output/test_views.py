"""The generic view, and that every special view belongs to a result that exists."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import aegisdb
from aegisdb.output import views
from aegisdb.output.layout import layout
from aegisdb.output.views import blocks_of
from aegisdb.results import Result


@dataclass(frozen=True)
class Item:
    name: str
    rows: Mapping[str, int]
    seconds: float
    bytes: int
    state: str
    empty: str = ""


@dataclass(frozen=True, kw_only=True)
class Anything(Result):
    title: str = "a title"
    when: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    done: bool = True
    nothing: str = ""
    names: tuple[str, ...] = ("a", "b")
    items: tuple[Item, ...] = (Item("x", {"skills": 3}, 0.25, 1_500_000, "pending 2"),)
    keyed: Mapping[str, Item] = field(default_factory=lambda: {"k": Item("y", {}, 2.0, 10, "at head")})
    sql: str = "BEGIN;\nCOMMIT;"


def test_any_result_is_readable() -> None:
    shown = list(layout(blocks_of(Anything(), "none.such"), width=None, colour=False))
    assert shown == [
        "title  a title",
        "when   2026-01-02 03:04:05",
        "done   yes",
        "names  a, b",
        "",
        "items",
        "name  rows      seconds  bytes  state",
        "x     skills 3  250 ms   2 MB   pending 2",
        "",
        "keyed",
        "keyed  name  seconds  bytes  state",
        "k      y     2.0 s    10 B   at head",
        "BEGIN;",
        "COMMIT;",
    ]


def test_a_state_has_a_colour() -> None:
    shown = "\n".join(layout(blocks_of(Anything(), ""), width=None, colour=True))
    assert "\x1b[33mpending 2\x1b[0m" in shown
    assert "\x1b[32mat head\x1b[0m" in shown


def test_every_view_belongs_to_a_result() -> None:
    results = set()
    for file in Path(aegisdb.__path__[0]).rglob("*.py"):
        results |= {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)}
    for module in iter_modules(views.__path__):
        if module.name != "generic":
            assert set(import_module(f"{views.__name__}.{module.name}").VIEWS) <= results
