"""Places in a service's files that define a table and each of its columns."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from .loaded import loaded
from .model_build import mappers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .channel import Message


def mappers_by_table() -> dict[Any, Any]:
    """The mapper of each table that has a class; the topmost where several classes share one."""
    found: dict[Any, Any] = {}
    for mapper in mappers():
        if mapper.local_table not in found or mapper.inherits is None:
            found[mapper.local_table] = mapper
    return found


class Places:
    """Files and lines of models."""

    def __init__(self) -> None:
        self._files: list[tuple[str, list[str]]] | None = None

    def of(self, table: Any, mapper: Any) -> Message:
        """Return the class, its file and line, and "file:line" of each column."""
        if mapper is None:
            file, line = self._search(table.name)
            return {"class": "", "file": file, "line": line, "columns": {}}
        file, line, _ = _source(mapper.class_)
        attributes = {column.name: prop.key for prop in mapper.column_attrs for column in prop.columns}
        columns = {name: _attribute(mapper.class_, key) for name, key in attributes.items()}
        return {"class": mapper.class_.__name__, "file": file, "line": line, "columns": columns}

    def _search(self, table: str) -> tuple[str, int]:
        """Find the file and line where a `Table(...)` has this name."""
        if self._files is None:
            self._files = [(path, _lines(path)) for path in loaded()["files"] if path.endswith(".py")]
        pattern = re.compile(rf"""\bTable\(\s*["']{re.escape(table)}["']""")
        for path, lines in self._files:
            if found := pattern.search("\n".join(lines)):
                return path, "\n".join(lines).count("\n", 0, found.start()) + 1
        return "", 0


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  one of thousands
            return file.read().split("\n")
    except OSError:
        return []


@cache  # `inspect` parses the whole file for each class, and every column asks for its own
def _source(cls: Any) -> tuple[str, int, Iterable[str]]:
    try:
        lines, line = inspect.getsourcelines(cls)
        return inspect.getsourcefile(cls) or "", line, lines
    except (OSError, TypeError):
        return "", 0, ()  # made at run time


def _attribute(cls: Any, key: str) -> str:
    pattern = re.compile(rf"\s+{re.escape(key)}\s*[:=]")
    for one in cls.__mro__[:-1]:
        file, line, lines = _source(one)
        for number, text in enumerate(lines):
            if pattern.match(text):
                return f"{file}:{line + number}"
    return ""
