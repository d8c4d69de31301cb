"""Files of a service's folder `objects:`, as statements, and what revisions say that they made of such files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.errors import BadInput
from aegisdb.lint.statements import statements
from aegisdb.revisions.edited import beside_ids
from aegisdb.revisions.literals import Literals, NotWritten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.lint.statements import Statement
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

MARK = "objects"
"""The name in a revision file: by key of an object the file that it is from; None where it was dropped."""
_NAME = r"(?:\"(?:[^\"]|\"\")+\"|[\w$]+)(?:\s*\.\s*(?:\"(?:[^\"]|\"\")+\"|[\w$]+))?"
_CREATE = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(?:constraint\s+)?"
    r"(?P<kind>materialized\s+view|view|function|procedure|trigger|policy)\s+"
    rf"(?:if\s+not\s+exists\s+)?(?P<name>{_NAME})",
    re.IGNORECASE,
)
_ON = re.compile(rf"\son\s+(?P<table>{_NAME})", re.IGNORECASE)
_REPLACEABLE = re.compile(r"^create\s+(?=(?:view|function|procedure|trigger)\s)", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """Statements that belong together: those of a file, or those that make one object again."""

    name: str
    statements: tuple[str, ...]

    @property
    def replacing(self) -> tuple[str, ...]:
        """The statements, each in the place of what is there, where the kind has words for that."""
        return tuple(_REPLACEABLE.sub("CREATE OR REPLACE ", one) for one in self.statements)

    def makes(self, key: str) -> bool:
        """Whether a statement names the object with this key, as far as the text tells."""
        return any(_is_named(one, key) for one in self.statements)


def read_units(registry: Registry, service: str) -> tuple[Unit, ...] | None:
    """The files of a service's folder, in the order of their names; None without a folder.

    Raises:
        BadInput: a file cannot be read, or has another statement than one that makes such an object.
    """
    settings = registry.services[service]
    if not settings.objects:
        return None
    folder = registry.root / settings.path / settings.objects
    return tuple(_unit(path, folder) for path in sorted(folder.rglob("*.sql")))


def _unit(path: Path, folder: Path) -> Unit:
    try:
        found = statements(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} cannot be read: {error}", where=str(path), code="objects") from None
    for one in found:
        if not _is_allowed(one):
            raise BadInput(
                f"{path.name}: {one.text.splitlines()[0]!r} makes no view, function, procedure, trigger or policy",
                hint="write it into a revision",
                where=f"{path}:{one.newlines + 1}",
                code="objects",
            )
    return Unit(path.relative_to(folder).as_posix(), tuple(one.text for one in found))


def _is_allowed(one: Statement) -> bool:
    if _CREATE.match(one.text):
        return True
    words = [token.text for token in one.tokens[:3]]
    # of a materialized view
    return words[0] == "comment" or words[:2] == ["create", "index"] or words[:3] == ["create", "unique", "index"]


def made_of_files(history: History) -> Mapping[str, str]:
    """By key, the file from which the history's revisions made an object that none of them has dropped."""
    found: dict[str, str] = {}
    for revision in history.ordered():
        source = revision.source
        if MARK not in source:
            continue
        try:
            value = Literals(python_source.parse(source)).value(MARK)
        except (SyntaxError, NotWritten):
            continue
        if isinstance(value, dict):
            found.update(value)
    return {key: file for key, file in found.items() if file}


def with_mark(text: str, marks: Mapping[str, str | None]) -> str:
    """The text of a revision file that says which objects it is about."""
    listed = "".join(f"    {key!r}: {file!r},\n" for key, file in marks.items())
    return beside_ids(text, f"{MARK} = {{\n{listed}}}\n")


def _is_named(statement: str, key: str) -> bool:
    found = _CREATE.match(statement)
    kind = " ".join(found["kind"].lower().split()) if found else ""
    if found is None or not key.startswith(f"{kind} "):
        return False
    identity = key.removeprefix(f"{kind} ")
    name = _folded(found["name"])
    if kind in {"trigger", "policy"}:
        table = _ON.search(statement, found.end())
        relation, _, own = identity.rpartition(".")
        return own == name and table is not None and _same(_folded(table["table"]), relation)
    return _same(name, identity.partition("(")[0])


def _same(written: str, qualified: str) -> bool:
    return qualified == written or ("." not in written and qualified.partition(".")[2] == written)


def _folded(name: str) -> str:
    """A name as the server writes it: without quotes where it needs none, in lower case where it has none."""
    parts = re.findall(r'"(?:[^"]|"")+"|[\w$]+', name)
    plain = re.compile(r'^"([a-z_][a-z0-9_$]*)"$')
    return ".".join(plain.sub(r"\1", part) if part.startswith('"') else part.lower() for part in parts)
