"""The view of any result: scalars as fields, collections of dataclasses as tables, long text as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Fields, Style, Styled, Text, duration, size, table

if TYPE_CHECKING:
    from aegisdb.results import Result


_STATES = ("state", "outcome", "status")
_GOOD = ("at", "current", "ok", "up", "done", "proven", "clean", "intact")
_WARN = ("pending", "behind", "changed", "never", "planned", "one-way", "unowned")
_BAD = ("failed", "broken", "missing", "drift", "dirty", "tampered", "unknown", "down", "invalid", "contested")
_STYLE_OF: dict[str, Style] = {
    **dict.fromkeys(_GOOD, "ok"),
    **dict.fromkeys(_WARN, "warn"),
    **dict.fromkeys(_BAD, "bad"),
}


def generic(result: Result) -> Iterator[Block]:
    """Fields first, then one table for each collection, then long texts."""
    values = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "problems"}
    short = {name: value for name, value in values.items() if not _is_rows(value) and not _is_long(value)}
    shown = tuple((_heading(name), cell(value, name)) for name, value in short.items() if value not in (None, "", ()))
    if shown:
        yield Fields(shown)
    for name, value in values.items():
        if _is_rows(value):
            yield from _rows(name, value, alone=not shown and sum(map(_is_rows, values.values())) == 1)
    yield from (Text(value, verbatim=True) for value in values.values() if _is_long(value))


def cell(value: Any, name: str = "") -> Cell:
    """A value as one cell; `name` tells seconds and bytes from other numbers, and states from other words."""
    if isinstance(value, bool):
        return Styled("yes", "ok") if value else Styled("no", "dim")
    if name in _STATES and isinstance(value, str):
        return Styled(value, _STYLE_OF.get(value.partition(" ")[0], ""))
    if isinstance(value, int | float):
        return _number(value, name)
    return "" if value is None else _plain(value)


def _number(value: float, name: str) -> str:
    if name.endswith("bytes"):
        return size(int(value))
    return duration(value) if name.endswith("seconds") else f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__str__ is object.__str__:
        return " ".join(filter(None, (_plain(getattr(value, f.name)) for f in dataclasses.fields(value))))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def _is_rows(value: Any) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | list | tuple) or not value:
        return False
    return all(dataclasses.is_dataclass(item) for item in items)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _rows(name: str, value: Any, *, alone: bool) -> Iterator[Block]:
    pairs = list(value.items()) if isinstance(value, Mapping) else [("", item) for item in value]
    names = list(dict.fromkeys(f.name for _, item in pairs for f in dataclasses.fields(item)))
    keyed = isinstance(value, Mapping)
    columns = ([name.removesuffix("s")] if keyed else []) + [_heading(n) for n in names]
    rows = [_row(key if keyed else "", item, names)[0 if keyed else 1 :] for key, item in pairs]
    full = [n for n in range(len(columns)) if any(row[n] != "" for row in rows)]
    yield table([columns[n] for n in full], ([row[n] for n in full] for row in rows), "" if alone else _heading(name))


def _row(key: Any, item: Any, names: list[str]) -> list[Cell]:
    return [Styled(str(key), "name"), *(cell(getattr(item, name, None), name) for name in names)]
