"""Tests of revisions as data: rows that are there before, and those that must be there after.

A test stands in `tests/` beside `versions/`, because Alembic takes every Python file of a folder of revisions for a
revision. It is called as the revision's file or id, with `_test.py`, holds literals, and is not run.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb import python_source
from aegisdb.errors import HistoryError

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

FOLDER = "tests"
SUFFIX = "_test.py"
_NAMES = ("BEFORE", "AFTER", "REVERTED")

Row = Mapping[str, Any]
Rows = Mapping[str, tuple[Row, ...]]
"""Table to its rows, each a mapping of column to value."""

_SKELETON = '''\
"""Rows for {revision}: {message}.

`invoke migrate.roundtrip` inserts BEFORE at its parent, and expects AFTER when it is applied. When it is reverted it
expects the rows of BEFORE again, or those of REVERTED where there is one.
"""

BEFORE = {{
    # "table": [{{"id": 1, "name": "old"}}],
}}
AFTER = {{
    # "table": [{{"id": 1, "name": "new"}}],
}}
'''


@dataclass(frozen=True, kw_only=True)
class RowTest:
    """The test of one revision."""

    path: Path
    before: Rows
    after: Rows
    reverted: Rows
    """After the downgrade: what the file says, else `before`."""

    @property
    def empty(self) -> bool:
        """Whether it names no row yet, as a skeleton."""
        return not (self.before or self.after or self.reverted)


def files_of_tests(history: History, scope: frozenset[str]) -> dict[str, Path]:
    """The files that belong to revisions of the scope, by revision."""
    found = {}
    folder = history.locations.script / FOLDER
    for revision in history.ordered() if folder.is_dir() else ():
        names = (f"{revision.path.stem}{SUFFIX}", f"{revision.id}{SUFFIX}")
        there = [folder / name for name in names if (folder / name).is_file()]
        if there and revision.id in scope:
            found[revision.id] = there[0]
    return found


def strays(history: History) -> list[Path]:
    """Files of tests that belong to no revision."""
    known = {name for r in history.ordered() for name in (f"{r.path.stem}{SUFFIX}", f"{r.id}{SUFFIX}")}
    folder = history.locations.script / FOLDER
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.name not in known)


def new_file(history: History, revision: Revision) -> Path:
    """The path at which the test of a revision is to be written."""
    return history.locations.script / FOLDER / f"{revision.path.stem}{SUFFIX}"


def skeleton(revision: Revision) -> str:
    """The text of a test that names no row yet."""
    message = " ".join(revision.message.split()).replace("\\", "/").replace('"', "'")  # it stands in a docstring
    return _SKELETON.format(revision=revision.id, message=message)


def read_row_test(path: Path) -> RowTest:
    """Read a test.

    Raises:
        HistoryError: something else than literal rows of BEFORE, AFTER and REVERTED is in it, with file and line.
    """
    try:
        tree = python_source.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise HistoryError(f"{path.name} cannot be read: {error}", where=f"{path}{line}") from None
    said: dict[str, Rows] = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        name, value = _assignment(node, path)
        said[name] = _rows(name, value, path)
    before = said.get("BEFORE", {})
    return RowTest(path=path, before=before, after=said.get("AFTER", {}), reverted=said.get("REVERTED", before))


def _assignment(node: ast.stmt, path: Path) -> tuple[str, ast.expr]:
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id in _NAMES:
        return target.id, node.value
    raise HistoryError(
        f"{path.name}:{node.lineno} is none of {', '.join(_NAMES)}",
        where=f"{path}:{node.lineno}",
        hint='it holds literals only: BEFORE = {"table": [{"column": value}]}',
    )


def _rows(name: str, value: ast.expr, path: Path) -> Rows:
    try:
        found = ast.literal_eval(value)
        return {_text(table): tuple(_row(row) for row in rows) for table, rows in found.items()}
    except (ValueError, TypeError, AttributeError, MemoryError, RecursionError):
        raise HistoryError(
            f"{path.name}: {name} is not made of literal rows by table",
            where=f"{path}:{value.lineno}",
            hint=f'{name} = {{"table": [{{"column": value}}]}}; values are texts, numbers, True, False, None, bytes,'
            " lists and dictionaries, and every type of PostgreSQL can be written as text",
        ) from None


def _row(row: Any) -> Row:
    return {_text(column): _plain(value) for column, value in row.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _plain(value: Any) -> Any:
    """The value as JSON has it; bytes as bytea's text."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError
