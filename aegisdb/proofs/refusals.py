"""Which statements a table's own triggers refuse, found by trying them in a transaction that is rolled back.

Nothing is declared: the base schema as init SQL builds it is tried once, and what it refuses is its promise.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aegisdb.errors import StatementFailed
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

Verb = Literal["UPDATE", "DELETE", "TRUNCATE"]
VERBS: tuple[Verb, ...] = ("UPDATE", "DELETE", "TRUNCATE")

_PATIENCE = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '10s'"
# tgtype: 8 DELETE, 16 UPDATE, 32 TRUNCATE
_GUARDED = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), bool_or(t.tgtype & 16 > 0), bool_or(t.tgtype & 8 > 0),
           bool_or(t.tgtype & 32 > 0)
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
     GROUP BY 1 ORDER BY 1"""
_COLUMNS = """
    SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
       AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum"""
# what stands in the way of a row of defaults; a primary key keeps its columns
_RELAX = """
    SELECT pg_catalog.format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname) FROM pg_constraint
     WHERE conrelid = %s::regclass AND contype IN ('c', 'f')
    UNION ALL
    SELECT pg_catalog.format('ALTER TABLE %%s ALTER COLUMN %%I DROP NOT NULL', attrelid::regclass, attname)
      FROM pg_attribute a
     WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND attidentity = ''
       AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey))"""
_IN_THE_WAY = """
    SELECT CASE WHEN pg_is_in_recovery() THEN 'the server is a standby'
                WHEN current_setting('transaction_read_only') = 'on' THEN 'sessions of this role only read'
                WHEN NOT has_table_privilege(%s, %s) THEN 'this role has not the privilege' END"""
# constraints, objects in use, cancellation: no trigger's own answer
_NOT_A_REFUSAL = ("23", "0A", "55", "57", "40", "53")


@dataclass(frozen=True, order=True)
class Guarded:
    """A kind of statement on a table that triggers are to refuse."""

    table: str
    """schema.table, quoted where needed."""
    verb: Verb


class _RolledBack(Exception):
    """The end of every trial, with what the trigger said."""


def candidates(conn: Connection) -> tuple[Guarded, ...]:
    """Statements for which a table has a trigger, whether it refuses or not."""
    return tuple(
        Guarded(table, verb)
        for table, *fires in conn.rows(_GUARDED)
        for verb, has_trigger in zip(VERBS, fires, strict=True)
        if has_trigger
    )


def refused(conn: Connection) -> tuple[Guarded, ...]:
    """Statements that triggers of this database refuse; those that cannot be tried here are left out."""
    found = []
    for guarded in candidates(conn):
        with suppress(StatementFailed):
            if refusal(conn, guarded):
                found.append(guarded)
    return tuple(found)


def in_the_way(conn: Connection, guarded: Guarded) -> str:
    """Why the statement cannot be tried here, as it would be refused whatever the triggers say; empty where it can."""
    return conn.value(_IN_THE_WAY, (guarded.table, guarded.verb)) or ""


def refusal(conn: Connection, guarded: Guarded) -> str:
    """The trigger's own words, empty where the statement goes through; tried on one row and rolled back.

    An empty table gets a row for the trial, its checks lifted within the same transaction.

    Raises:
        Busy: the table stayed locked for three seconds; StatementFailed: refused by something else than a trigger.
    """
    try:
        with conn.transaction():
            conn.execute(_PATIENCE)
            _ensure_row(conn, guarded.table)
            raise _RolledBack(_answer(conn, _statement(conn, guarded)))  # noqa: TRY301  only an exception rolls back
    except _RolledBack as end:
        return str(end)


def _answer(conn: Connection, statement: str) -> str:
    try:
        conn.execute(statement)
    except StatementFailed as error:
        if error.sqlstate.startswith(_NOT_A_REFUSAL):
            raise
        return error.message
    return ""


def _ensure_row(conn: Connection, table: str) -> None:
    if conn.value(f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608  quoted by candidates()
        return
    for (relax,) in conn.rows(_RELAX, (table, table)):
        conn.execute(relax)
    conn.execute(f"INSERT INTO {table} DEFAULT VALUES")


def _statement(conn: Connection, guarded: Guarded) -> str:
    table = guarded.table
    if guarded.verb == "TRUNCATE":
        return f"TRUNCATE {table} CASCADE"
    one_row = f"WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"  # noqa: S608  quoted by candidates()
    if guarded.verb == "DELETE":
        return f"DELETE FROM {table} {one_row}"  # noqa: S608  quoted by candidates()
    columns = [quote_ident(name) for (name,) in conn.rows(_COLUMNS, (table,))]
    return f"UPDATE {table} SET {', '.join(f'{name} = {name}' for name in columns)} {one_row}"  # noqa: S608  quoted by candidates()
