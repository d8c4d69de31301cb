"""Tables, their files and their constraints at one moment: two such states tell what a revision did to each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from aegisdb.postgres.indexes import invalid_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection

T = TypeVar("T")
_TABLES = """
SELECT c.oid::bigint, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       pg_relation_filenode(c.oid)::bigint,
       n.nspname::text || '.' || c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND pg_catalog.left(n.nspname, 3) <> 'pg_'
    AND n.nspname NOT IN ('information_schema', 'aegisdb')
"""
_CONSTRAINTS = """
SELECT o.oid::bigint, o.conrelid::bigint, o.conname, o.contype, o.convalidated
FROM pg_constraint o WHERE o.conrelid <> 0 AND o.contype IN ('c', 'f', 'n', 'p', 'u', 'x')
"""
_DEFINITIONS = """
SELECT o.oid::bigint, pg_get_constraintdef(o.oid), coalesce(pg_catalog.to_jsonb(o) ->> 'conenforced', 'true')::boolean
FROM pg_constraint o WHERE o.oid = ANY (%s::oid[])
"""
_SINCE = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text,
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', oid, nspname, xmin), ',' ORDER BY oid) FROM pg_namespace)
"""
_CHANGED = " AND age({row}.xmin) <= age(%s::xid)"
_NOT_NULL = """
SELECT attrelid::bigint, attname FROM pg_attribute
WHERE attnotnull AND attnum > 0 AND NOT attisdropped AND attrelid >= 16384
"""
_NOT_NULL_ARE_CONSTRAINTS = 180000
Check = Literal[
    "scans the table", "reads no row", "not checked yet", "not enforced", "builds an index", "takes over an index"
]
Scanned = Callable[[int, int, str], bool]
"""Whether a constraint's table was scanned when it came: by its oid, its table and, where it has no oid, its column."""
_VALID: Mapping[bool, Check] = {True: "scans the table", False: "reads no row"}


@dataclass(frozen=True)
class Table:
    """A table, view or materialized view."""

    name: str
    """Schema-qualified and quoted where needed."""
    file: int | None
    """Number of the file that holds its rows; another one after a rewrite. None for a view or a partitioned table."""
    plain: str
    """schema.name without quotes."""


@dataclass(frozen=True)
class _Constraint:
    table: int
    name: str
    kind: str
    valid: bool


@dataclass(frozen=True, kw_only=True)
class NewConstraint:
    """A constraint that a revision adds to a table that was there before, or validates."""

    table: str
    constraint: str
    definition: str
    check: Check
    """What it costs, seen from the server: every row is read, none is, or an index is built over all."""
    origin: str = ""
    """The table's name before the first of these revisions; empty where one of them made it."""


@dataclass(frozen=True)
class State:
    """The tables and constraints of a database at one moment, by oid."""

    tables: Mapping[int, Table]
    constraints: Mapping[int, _Constraint]
    definitions: Mapping[int, tuple[str, bool]]
    """Oid to definition of constraints that are new or newly valid since the last state; whether they are enforced."""
    not_null: frozenset[tuple[int, str]]
    """Columns, where NOT NULL is no constraint of the catalog (before PostgreSQL 18)."""
    invalid: frozenset[str]
    since: str
    """Transactions before this one had ended."""
    spaces: str
    """The schemas, whose names are in those of the tables."""


def read_state(conn: Connection, before: State | None = None) -> State:
    """Read it from the catalog; with a state `before`, only what is new since then, and how that is defined."""
    ((since, spaces),) = conn.rows(_SINCE)
    known = before if before is not None and before.spaces == spaces else None
    constraints = _rows(conn, _CONSTRAINTS, "o", _Constraint, (known.since, known.constraints) if known else None)
    # writing out a definition costs ten times as much as the row, and of a thousand constraints few are new
    new = [] if before is None else [each for each, now in constraints.items() if _is_new(before, each, now)]
    old = conn.identity().server_version < _NOT_NULL_ARE_CONSTRAINTS
    return State(
        tables=_rows(conn, _TABLES, "c", Table, (known.since, known.tables) if known else None),
        constraints=constraints,
        definitions={row[0]: (row[1], row[2]) for row in conn.rows(_DEFINITIONS, (new,))} if new else {},
        not_null=frozenset((row[0], row[1]) for row in conn.rows(_NOT_NULL)) if old else frozenset(),
        invalid=frozenset(index.name for index in invalid_indexes(conn)),
        since=since,
        spaces=spaces,
    )


def _rows(
    conn: Connection, query: str, row: str, make: Callable[..., T], known: tuple[str, Mapping[int, T]] | None
) -> Mapping[int, T]:
    """What a query gives, by oid; where it is known how that was, only rows that were written since are read."""
    if known is not None:
        since, there = known
        new = {one[0]: make(*one[1:]) for one in conn.rows(query + _CHANGED.format(row=row), (since,))}
        found = {**there, **new}
        if conn.value(f"SELECT count(*) FROM ({query}) found") == len(found):  # noqa: S608  our own words
            return found  # nothing is gone
    return {one[0]: make(*one[1:]) for one in conn.rows(query)}


def new_constraints(before: State, after: State, scanned: Scanned, names: Mapping[int, str]) -> Iterator[NewConstraint]:
    """Constraints that are new, or newly valid, on tables that were there before; `names` had tables at first."""
    for identifier, now in after.constraints.items():
        if now.table in before.tables and now.table in after.tables and _is_new(before, identifier, now):
            definition, enforced = after.definitions[identifier]
            check = _check(now, enforced=enforced, scanned=scanned(identifier, now.table, ""))
            table = after.tables[now.table].name
            origin = names.get(now.table, "")
            yield NewConstraint(table=table, constraint=now.name, definition=definition, check=check, origin=origin)
    for relation, column in sorted(after.not_null - before.not_null):
        if relation in before.tables and relation in after.tables:
            name, table = f"{column} NOT NULL", after.tables[relation].name
            check = _VALID[scanned(0, relation, column)]
            origin = names.get(relation, "")
            yield NewConstraint(table=table, constraint=name, definition=name, check=check, origin=origin)


def _is_new(before: State, identifier: int, now: _Constraint) -> bool:
    was = before.constraints.get(identifier)
    return was is None or was.valid != now.valid


def _check(constraint: _Constraint, *, enforced: bool, scanned: bool) -> Check:
    if constraint.kind in "pux":
        return "builds an index" if scanned else "takes over an index"
    if not enforced:
        return "not enforced"
    return _VALID[scanned] if constraint.valid else "not checked yet"
