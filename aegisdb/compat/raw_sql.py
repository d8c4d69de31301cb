"""SQL that stands as text in old code: whole statements are prepared before and after, the rest is listed."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.compat.advice import steps_for
from aegisdb.compat.results import Break, Unsettled
from aegisdb.errors import StatementFailed
from aegisdb.fingerprint.keys import parse, relation_name
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aegisdb.fingerprint import Change
    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.released_state import Released
    from aegisdb.revisions.history import History

_SQL = re.compile(
    r"\s*(?:--.*\s+|/\*.*?\*/\s*)*\(?\s*"
    r"(?:(?P<prepared>SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|VALUES)|CALL|COPY|TRUNCATE|REFRESH|DO|LOCK)\b",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"%\((\w+)\)s|%s|(?<![:\w\\]):(?P<named>[A-Za-z_]\w*)(?!:)|\$\d+")
_TEXT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_BESIDE = frozenset({"index", "schema", "extension", "statistics object", "column order", "policy"})
"""Kinds of objects whose names no statement in code needs."""
_SKIPPED = frozenset({"versions", "__pycache__", ".venv", "venv", "node_modules", ".tox", "tests", "test"})


@dataclass(frozen=True)
class Written:
    """One text of a service, and whether it is a whole statement that can be prepared."""

    service: str
    where: str
    sql: str
    whole: bool


class RawSql:
    """All texts of the old tree, and how the server took them before and after."""

    def __init__(self, released: Released, histories: Sequence[History]) -> None:
        tree = released.tree.resolve()
        self._schemas = {name: one.schema for name, one in released.ws.registry.services.items()}
        self._texts = [
            Written(history.service, f"{path.resolve().relative_to(tree)}:{line}", text, whole)
            for history in histories
            for path in _files(history.locations.home)
            for line, text, whole in _texts(path)
        ]
        self._refused: list[dict[Written, StatementFailed]] = []

    def look(self, conn: Connection) -> None:
        """Let the server prepare each whole statement; it names what it cannot find, and none is run."""
        refused: dict[Written, StatementFailed] = {}
        for text in self._texts:
            if text.whole:
                schema = self._schemas.get(text.service)
                conn.execute(f"SET search_path = {quote_ident(schema) if schema else 'public'}")
                try:
                    conn.execute(f"PREPARE aegis_text AS {_numbered(text.sql)}")
                except StatementFailed as error:
                    refused[text] = error
                else:
                    conn.execute("DEALLOCATE aegis_text")
        conn.execute("RESET search_path")
        self._refused.append(refused)

    def breaks(self) -> Iterator[Break]:
        """Statements that the server knew before and does not now."""
        before, after = self._refused
        for text, error in after.items():
            if text not in before:
                yield Break(
                    service=text.service, table="", column="", does=("says",), why=error.message.splitlines()[0],
                    sqlstate=error.sqlstate, cls="", where=text.where,
                    steps=steps_for(error.sqlstate, known=True, column=""),
                )  # fmt: skip

    def unsettled(self, changes: Iterable[Change]) -> Iterator[Unsettled]:
        """Return other texts that name what has changed, and how far each was looked at."""
        before, after = self._refused
        names = _names(changes)
        pattern = re.compile(rf"(?<![\w$])({'|'.join(map(re.escape, names))})(?![\w$])") if names else None
        for text in self._texts:
            found = {*pattern.findall(text.sql)} if pattern is not None else set()
            if not found or (text in after and text not in before):
                continue
            listed = "; ".join(names[name] for name in sorted(found))
            seen = "prepared, not run" if text.whole and text not in before else "not checked"
            yield Unsettled(
                kind="raw SQL", service=text.service, subject=text.where.rpartition("/")[2], where=text.where,
                why=f"{seen}: it names {', '.join(sorted(found))} ({listed})",
            )  # fmt: skip


def _numbered(sql: str) -> str:
    """Write a driver's parameters as $1, $2; what stands in quotes is left alone."""
    names: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0].startswith("$"):
            return found[0]
        name = found[1] or found["named"]
        if name is None or name not in names:
            count += 1
        return f"${names.setdefault(name, count)}" if name else f"${count}"

    done, at = [], 0
    for quoted in _TEXT.finditer(sql):
        done += [_PARAMETER.sub(number, sql[at : quoted.start()]), quoted[0]]
        at = quoted.end()
    done.append(_PARAMETER.sub(number, sql[at:]))
    return "".join(done).replace("%%", "%").strip().rstrip(";")


def _names(changes: Iterable[Change]) -> dict[str, str]:
    """Return, for each name that a text may use, what has changed about it."""
    found: dict[str, list[str]] = {}
    for change in changes:
        name = parse(change.object)
        is_new = change.kind == "added" and (not change.relation or name.kind in {"table", "view", "sequence"})
        if change.is_remark or is_new or name.kind in _BESIDE or change.object.startswith(("comment ", "grants ")):
            continue
        named = relation_name(change.relation) if change.relation else name
        found.setdefault(named.name.partition("(")[0], []).append(f"{change.kind} {change.object.partition(':')[0]}")
    return {name: ", ".join(lines[:3]) + (" and more" if len(lines) > 3 else "") for name, lines in found.items()}  # noqa: PLR2004


def _files(home: Path) -> Iterator[Path]:
    for path in sorted([*home.rglob("*.py"), *home.rglob("*.sql")]):
        if not _SKIPPED.intersection(path.relative_to(home).parts):
            yield path


def _texts(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield texts that begin like SQL, or a whole SQL file: line, text, and whether it is one whole statement."""
    source = path.read_text(errors="replace")
    if path.suffix == ".sql":
        yield 1, source, False
        return
    try:
        tree = python_source.parse(source)
    except (SyntaxError, ValueError):
        return  # a file that Python does not run holds no statement either
    parts: set[int] = set()
    for node in ast.walk(tree):
        whole = isinstance(node, ast.Constant)
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            parts.update(id(part) for part in ast.walk(node))
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "_" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text, whole = node.value, id(node) not in parts
        else:
            continue
        if found := _SQL.match(text):
            # behind a semicolon stands another statement, which PREPARE would not keep from being run
            whole = whole and found["prepared"] is not None and ";" not in text.rstrip("; \t\n")
            yield node.lineno, text, whole
