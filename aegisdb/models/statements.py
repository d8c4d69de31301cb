"""The SQL that leads from one fingerprint to another, for what Alembic has no operation for or does not see.

Each statement is for one difference of a table, column, constraint, index, type, sequence or comment. A table that
comes or goes is Alembic's: what is left out here, the proof of the new revision tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aegisdb.models.column_statements import column_statements, sequence_options
from aegisdb.models.fact_parts import enum_values, fact, parts, writable
from aegisdb.models.type_statements import domain_statements, enum_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.fingerprint import Change, Fingerprint


class Statement(NamedTuple):
    """A statement and its place among the others."""

    rank: int
    sql: str
    loses: str = ""
    """What data it loses."""


_USUAL = "start 1; increment 1; min 1; cache 1"
_USUAL_ENDS = frozenset({"max 32767", "max 2147483647", "max 9223372036854775807"})
DROP, TYPES, SEQUENCES, COLUMNS, GENERATED, ADD, REFER, INDEX, COMMENT, CLEAN = range(10)


def statements(before: Fingerprint, after: Fingerprint, changes: Iterable[Change]) -> list[Statement]:
    """The statements that make `after` of `before`, in an order that works."""
    found = (one for change in changes for one in _of(change, before, after))
    return sorted(dict.fromkeys(found), key=lambda one: one.rank)


def _of(change: Change, before: Fingerprint, after: Fingerprint) -> Iterator[Statement]:
    kind, _, identity = change.object.partition(" ")
    if change.object.startswith("comment on "):
        yield Statement(COMMENT, f"COMMENT ON {_commented(change)} IS {change.after or 'NULL'}")
    elif change.object.startswith("sequence of "):
        yield from _own_sequence(change)
    elif kind == "constraint":
        yield from _constraint(change, before, after)
    elif kind in {"type", "domain"}:
        yield from _type(change, identity, before, after)
    elif kind in _ALONE:
        yield from _ALONE[kind](change, identity)


def _own_sequence(change: Change) -> Iterator[Statement]:
    """Options of an identity; its sequence comes and goes with it."""
    owner = fact(change.after, "identity of ") or change.object.removeprefix("sequence of ")
    column = owner.removeprefix(f"{change.relation}.")
    before = change.before or f"{_USUAL}; {'; '.join(p for p in parts(change.after) if p in _USUAL_ENDS)}"
    if change.kind != "removed" and (options := sequence_options(before, change.after, prefix="SET ")):
        yield Statement(ADD, f"ALTER TABLE {change.relation} ALTER COLUMN {column} {options}")


def _column(change: Change, _identity: str) -> Iterator[Statement]:
    column = change.object.removeprefix(f"column {change.relation}.")
    # computed from columns that other statements give their types
    rank = GENERATED if change.kind == "added" and fact(change.after, "generated ") else COLUMNS
    for sql, loses in column_statements(change, column):
        yield Statement(rank, sql, loses)


def _index(change: Change, identity: str) -> Iterator[Statement]:
    if change.kind != "added":
        yield Statement(DROP, f"DROP INDEX IF EXISTS {identity}")
    if change.kind != "removed":
        yield Statement(INDEX, writable(change.after))


def _commented(change: Change) -> str:
    about = change.object.removeprefix("comment on ")
    if about.startswith("constraint "):
        name = about.removeprefix(f"constraint {change.relation}.")
        return f"CONSTRAINT {name} ON {change.relation}"
    kind, _, identity = about.partition(" ")
    return f"{kind.upper()} {identity}"


def _constraint(change: Change, before: Fingerprint, after: Fingerprint) -> Iterator[Statement]:
    name = change.object.removeprefix(f"constraint {change.relation}.")
    of_domain = f"domain {change.relation}" in {**before.facts, **after.facts}
    alter = f"ALTER {'DOMAIN' if of_domain else 'TABLE'} {change.relation}"
    if change.kind != "added":
        # a key that others refer to goes with what refers to it, which comes back by its own statement
        yield Statement(DROP, f"{alter} DROP CONSTRAINT {name}")
    if change.kind != "removed":
        told = writable(change.after)
        yield Statement(REFER if told.startswith("FOREIGN KEY") else ADD, f"{alter} ADD CONSTRAINT {name} {told}")


def _type(change: Change, identity: str, before: Fingerprint, after: Fingerprint) -> Iterator[Statement]:
    if change.kind == "removed":
        yield Statement(
            CLEAN, f"DROP {'DOMAIN' if change.object.startswith('domain') else 'TYPE'} IF EXISTS {identity}"
        )
    elif change.object.startswith("domain ") and change.kind == "added":
        told = [part for part in parts(change.after) if not part.startswith("owner ")]
        yield Statement(TYPES, f"CREATE DOMAIN {identity} AS {' '.join(told)}")
    elif change.object.startswith("domain "):
        yield from (Statement(TYPES, sql) for sql in domain_statements(identity, before, after))
    elif (values := enum_values(change.after)) is not None and change.kind == "added":
        yield Statement(TYPES, f"CREATE TYPE {identity} AS ENUM ({', '.join(values)})")
    elif values is not None and (was := enum_values(change.before)) is not None:
        for sql, loses in enum_statements(identity, was, values, before, after):
            yield Statement(TYPES, sql, loses)


def _sequence(change: Change, identity: str) -> Iterator[Statement]:
    if "; identity of " in f"{change.before}{change.after}":
        yield from _own_sequence(change)
        return
    if change.kind == "removed":
        yield Statement(CLEAN, f"DROP SEQUENCE IF EXISTS {identity}")
        return
    verb = "CREATE" if change.kind == "added" else "ALTER"
    options = sequence_options(change.before, change.after)
    kind = next((part for part in parts(change.after) if part in {"smallint", "integer", "bigint"}), "bigint")
    yield Statement(SEQUENCES, f"{verb} SEQUENCE {identity} AS {kind} {options}".rstrip())
    if owner := fact(change.after, "owned by "):
        yield Statement(ADD, f"ALTER SEQUENCE {identity} OWNED BY {owner}")


def _table(change: Change, identity: str) -> Iterator[Statement]:
    if change.kind != "changed":
        return
    was, now = parts(change.before), parts(change.after)
    if ("unlogged" in was) != ("unlogged" in now):
        yield Statement(COLUMNS, f"ALTER TABLE {identity} SET {'UNLOGGED' if 'unlogged' in now else 'LOGGED'}")
    before, after = (_options(fact(text, "with ") or "") for text in (change.before, change.after))
    if gone := [name for name in before if name not in after]:
        yield Statement(COLUMNS, f"ALTER TABLE {identity} RESET ({', '.join(gone)})")
    if come := [f"{name}={value}" for name, value in after.items() if before.get(name) != value]:
        yield Statement(COLUMNS, f"ALTER TABLE {identity} SET ({', '.join(come)})")


def _options(text: str) -> dict[str, str]:
    found = (re.fullmatch(r"([^=]+)=(.*)", option) for option in text.split(", ") if option)
    return {match[1]: match[2] for match in found if match}


def is_view(key: str) -> bool:
    """Whether this is the key of a view, of either kind."""
    return key.startswith(("view ", "materialized view "))


def drop_view(key: str) -> Statement:
    """The statement that drops the view with this key, whether it is there or not."""
    kind, _, name = key.partition("view ")
    return Statement(DROP, f"DROP {kind.upper()}VIEW IF EXISTS {name}")


def _view(change: Change, _identity: str) -> Iterator[Statement]:
    """A view that the models make, by SQLAlchemy's CreateView or an event."""
    if change.kind != "added":
        yield drop_view(change.object)
    if change.kind != "removed" and (query := fact(change.after, "as ")):
        kind, _, name = change.object.partition("view ")
        yield Statement(REFER, f"CREATE {kind.upper()}VIEW {name} AS {query.strip().removesuffix(';')}")


_ALONE = {
    "column": _column,
    "index": _index,
    "sequence": _sequence,
    "table": _table,
    "view": _view,
    "materialized": _view,
}
"""Kinds that are judged without the rest of the schema."""
