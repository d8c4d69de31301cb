"""Tables, their files and their constraints at one moment: two such states tell what a revision did to each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from aegisdb.fingerprint.quick_reader import SINCE
from aegisdb.postgres.indexes import INVALID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection

T = TypeVar("T")
_Rows = list[tuple[Any, ...]]
_NAME = "(SELECT pg_catalog.quote_ident(nspname) FROM pg_namespace WHERE oid = relnamespace)"
_PLAIN = "(SELECT nspname::text FROM pg_namespace WHERE oid = relnamespace)"
_TABLE = f"""
oid::bigint, {_NAME} || '.' || pg_catalog.quote_ident(relname), pg_relation_filenode(oid)::bigint,
{_PLAIN} || '.' || relname::text
"""
_TABLES = """
FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f', 'v') AND relnamespace <> ALL (ARRAY(
    SELECT oid FROM pg_namespace
    WHERE pg_catalog.left(nspname, 3) = 'pg_' OR nspname IN ('information_schema', 'aegisdb')))
"""
_CONSTRAINT = "oid::bigint, conrelid::bigint, conname, contype, convalidated"
_DEFINITION = """
pg_get_constraintdef(oid), coalesce(
    (SELECT pg_catalog.to_jsonb(o) ->> 'conenforced' FROM pg_constraint o WHERE o.oid = pg_constraint.oid), 'true'
)::boolean
"""  # a row of its own: a look at all rows that names them whole takes five times as long
_CONSTRAINTS = "FROM pg_constraint"
_OF_TABLES = "cfnpux"
"""Kinds of constraints; the others are triggers, and a domain's belong to no table."""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_SINCE = f"""
SELECT ({SINCE}),
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', oid, nspname, xmin), ',' ORDER BY oid) FROM pg_namespace)
"""  # noqa: S608  constants of ours
_SINCE_THEN = "pg_catalog.age(xmin) <= (SELECT pg_catalog.age('{}'::xid))"
_AS_ONE = "pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array({}))"
"""Rows as one value: those that were written since and the number of all come out of one look through the catalog."""
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
    """With those that were dropped since the first of these states: no oid is given twice."""
    definitions: Mapping[int, tuple[str, bool]]
    """Oid to definition of constraints whose rows were written since the last state; whether they are enforced."""
    not_null: frozenset[tuple[int, str]]
    """Columns, where NOT NULL is no constraint of the catalog (before PostgreSQL 18)."""
    invalid: frozenset[str]
    since: str
    """Transactions before this one had ended."""
    spaces: str
    """The schemas, whose names are in those of the tables."""


def read_state(conn: Connection, before: State | None = None) -> State:
    """Read it from the catalog; with a state `before`, only what is new since then, and how that is defined."""
    old = conn.identity().server_version < _NOT_NULL_ARE_CONSTRAINTS
    asked = [_SINCE, INVALID, *([_NOT_NULL] if old else [])]
    changed = [] if before is None else _changed(before)
    # in one message, as a round trip takes longer than most of these queries; and of one moment, as Alembic makes
    # another service's version table meanwhile
    found = conn.results([_BEGIN, *asked, *changed, "COMMIT"])[1:-1]
    (since, spaces), invalid = found[0][0], found[1]
    since_then = found[len(asked) :]
    tables = _tables(conn, before, spaces, since_then)
    constraints, definitions = _constraints(conn, before, since_then)
    return State(
        tables=tables,
        constraints=constraints,
        definitions=definitions,
        not_null=frozenset((row[0], row[1]) for row in found[2]) if old else frozenset(),
        invalid=frozenset(row[0] for row in invalid),
        since=since,
        spaces=spaces,
    )


def _changed(before: State) -> list[str]:
    """The number of tables, and those written since; and such constraints, with how they are defined."""
    since = _SINCE_THEN.format(int(before.since))
    # writing out a definition costs ten times as much as the row, and of a thousand constraints few are new
    return [
        f"SELECT count(*), {_AS_ONE.format(_TABLE)} FILTER (WHERE {since}) {_TABLES}",
        f"SELECT {_AS_ONE.format(f'{_CONSTRAINT}, {_DEFINITION}')} {_CONSTRAINTS} WHERE {since}",
    ]


def _tables(conn: Connection, before: State | None, spaces: str, changed: list[_Rows]) -> Mapping[int, Table]:
    if before is not None and before.spaces == spaces:
        (there, written), *_ = changed[0]
        found = {**before.tables, **_by_oid(written or (), Table)}
        if there == len(found):
            return found  # nothing is gone
    return _by_oid(conn.rows(f"SELECT {_TABLE} {_TABLES}"), Table)


def _constraints(
    conn: Connection, before: State | None, changed: list[_Rows]
) -> tuple[Mapping[int, _Constraint], Mapping[int, tuple[str, bool]]]:
    if before is None:
        return _by_oid(conn.rows(f"SELECT {_CONSTRAINT} {_CONSTRAINTS}"), _Constraint), {}
    written = changed[1][0][0] or ()
    found = _by_oid([row[:5] for row in written], _Constraint)
    defined = {row[0]: (row[5], row[6]) for row in written if found[row[0]].kind in _OF_TABLES}
    return {**before.constraints, **found}, defined


def _by_oid(rows: Sequence[Sequence[Any]], make: Callable[..., T]) -> dict[int, T]:
    return {row[0]: make(*row[1:]) for row in rows}


def new_constraints(before: State, after: State, scanned: Scanned, names: Mapping[int, str]) -> Iterator[NewConstraint]:
    """Constraints that are new, or newly valid, on tables that were there before; `names` had tables at first."""
    for identifier, (definition, enforced) in after.definitions.items():
        now = after.constraints[identifier]
        if now.table in before.tables and now.table in after.tables and _is_new(before, identifier, now):
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
