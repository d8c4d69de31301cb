"""Takes a fingerprint's keys apart: what kind of object, in which schema, by which name."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

_ABOUT = re.compile(r"^(?:comment on|grants on|security label \S+ on) ")
_KINDS = (
    "access method",
    "aggregate",
    "cast",
    "collation",
    "column order",
    "column",
    "composite type",
    "constraint",
    "conversion",
    "default privileges of",
    "domain constraint",
    "domain",
    "event trigger",
    "extension",
    "foreign data wrapper",
    "foreign table",
    "function",
    "graph",
    "index",
    "label",
    "language",
    "materialized view",
    "operator class",
    "operator family",
    "operator",
    "policy",
    "procedure",
    "publication",
    "relation",
    "rule",
    "schema",
    "sequence",
    "server",
    "statistics object",
    "statistics",
    "subscription",
    "table column",
    "table",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "transform for",
    "trigger",
    "type",
    "user mapping for",
    "view",
)
_PART = r'(?:"(?:[^"]|"")*"|[^\s."(]+)'
_QUALIFIED = re.compile(rf"({_PART})(?:\.({_PART}))?")


class Name(NamedTuple):
    """One object: `kind` in PostgreSQL's words; `schema` empty where the kind has none; names without quotes."""

    kind: str
    schema: str
    name: str

    @property
    def qualified(self) -> str:
        """schema.name, or the name alone."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@cache
def _kind() -> re.Pattern[str]:
    # compiling it takes a millisecond, and those who have names in parts never need it
    return re.compile(rf"^({'|'.join(_KINDS)}) ")


@cache
def parse(key: str) -> Name:
    """The object that a key is about: of a comment or a grant the object that carries it."""
    text = _ABOUT.sub("", key)
    kind = _kind().match(text)
    if kind is None:
        return Name("", "", text)
    identity = text[kind.end() :]
    # a policy, a rule and a domain's constraint are told by PostgreSQL as "name on relation"
    identity = identity.rpartition(" on ")[2] if " on " in identity else identity
    if kind[1] == "user mapping for":  # of a role of the server: the foreign server is what it belongs to
        identity = identity.rpartition(" server ")[2]
    if kind[1] == "cast":  # it belongs to the type in a schema of the database, or to its source
        sides = identity.strip("()").split(" as ")
        identity = next((side for side in sides if "." in side), sides[0])
    return _name(kind[1], identity)


def column_name(key: str) -> tuple[str, str]:
    """Return table and column of the key of a column, or of a comment or a grant on one."""
    *_, table, column = re.findall(_PART, _ABOUT.sub("", key).partition(" ")[2])
    return _plain(table), _plain(column)


def relation_name(relation: str) -> Name:
    """The name of what an object hangs on (`public."Odd"`)."""
    return _name("table", relation)


def _name(kind: str, identity: str) -> Name:
    found = _QUALIFIED.match(identity)
    if found is None:
        return Name(kind, "", identity)
    first, second = _plain(found[1]), _plain(found[2] or "")
    return Name(kind, first, second) if second else Name(kind, "", first)


def _plain(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part
