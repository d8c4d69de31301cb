"""The schema `aegisdb` in a database: journal, in-flight rows, ledgers, marker. The only private format we have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.connection import moment

if TYPE_CHECKING:
    from datetime import datetime

    from aegisdb.postgres.connection import Connection

NAME = "aegisdb"

SIDE_SCHEMA_SQL = """
CREATE SCHEMA IF NOT EXISTS aegisdb;
CREATE TABLE IF NOT EXISTS aegisdb.journal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service       text,
    revision      text,
    action        text NOT NULL,
    outcome       text NOT NULL DEFAULT 'done',
    digest        text,
    source        text,
    os_user       text,
    host          text,
    git_commit    text,
    command       text,
    started       timestamptz NOT NULL DEFAULT clock_timestamp(),
    seconds       double precision,
    note          text,
    database_user text DEFAULT session_user
);
CREATE INDEX IF NOT EXISTS idx_journal_service_revision ON aegisdb.journal (service, revision, id);
CREATE TABLE IF NOT EXISTS aegisdb.in_flight (
    service     text PRIMARY KEY,
    revision    text,
    action      text,
    digest      text,
    os_user     text,
    host        text,
    pid         integer,
    backend_pid integer DEFAULT pg_backend_pid(),
    started     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS aegisdb.seed_ledger (
    service  text NOT NULL,
    seed     text NOT NULL,
    digest   text,
    rows     jsonb,
    seconds  double precision,
    finished timestamptz NOT NULL DEFAULT clock_timestamp(),
    os_user  text,
    host     text,
    PRIMARY KEY (service, seed)
);
CREATE TABLE IF NOT EXISTS aegisdb.deploy_ledger (
    file     text PRIMARY KEY,
    digest   text,
    source   text,
    seconds  double precision,
    finished timestamptz NOT NULL DEFAULT clock_timestamp(),
    os_user  text,
    host     text
);
CREATE TABLE IF NOT EXISTS aegisdb.marker (
    name  text PRIMARY KEY,
    value text
);
"""

BACKFILLS = "aegisdb.backfills"
BACKFILLS_SQL = """
CREATE SCHEMA IF NOT EXISTS aegisdb;
CREATE TABLE IF NOT EXISTS aegisdb.backfills (
    version_schema text NOT NULL,
    version_table  text NOT NULL,
    revision       text NOT NULL,
    digest         text NOT NULL,
    relation       text NOT NULL,
    key            text,
    walked         bigint NOT NULL DEFAULT 0,
    total          bigint NOT NULL DEFAULT 0,
    changed        bigint NOT NULL DEFAULT 0,
    seconds        double precision NOT NULL DEFAULT 0,
    run            text NOT NULL,
    backend_pid    integer DEFAULT pg_backend_pid(),
    backend_start  timestamptz,
    started        timestamptz NOT NULL DEFAULT clock_timestamp(),
    moved          timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished       timestamptz,
    landed         text,
    PRIMARY KEY (version_schema, version_table, revision, digest)
) WITH (fillfactor = 50)
"""
"""Made by the first backfill, which may be one of plain Alembic in a database that knows nothing else of ours."""
_LAST_TABLE = "aegisdb.marker"
SETUP_KEY = 0x6165676973  # "aegis"


@dataclass(frozen=True)
class InFlight:
    """A revision whose first statement was committed but whose last was not: its run died in the middle."""

    service: str
    revision: str
    action: str
    os_user: str
    host: str
    pid: int
    backend_pid: int
    started: datetime


def exists(conn: Connection) -> bool:
    """Whether the side schema is complete in this database."""
    return conn.value("SELECT to_regclass(%s)", (_LAST_TABLE,)) is not None


def ensure(conn: Connection) -> None:
    """Make what is missing of the side schema; one look when nothing is. Two at once do not clash.

    Raises:
        StatementFailed: the role may not create a schema here.
    """
    if exists(conn):
        return
    with conn.transaction():
        conn.value("SELECT pg_advisory_xact_lock(%s)::text", (SETUP_KEY,))
        conn.execute(SIDE_SCHEMA_SQL)


def in_flight_rows(conn: Connection) -> tuple[InFlight, ...]:
    """Rows of what died half-way, oldest first; empty without a side schema."""
    if not exists(conn):
        return ()
    rows = conn.rows(
        "SELECT service, revision, action, os_user, host, pid, backend_pid, started FROM aegisdb.in_flight"
        " ORDER BY started"
    )
    return tuple(InFlight(*(*row[:-1], moment(row[-1]))) for row in rows)


def journal(
    conn: Connection,
    action: str,
    *,
    outcome: str = "done",
    command: str = "",
    note: str = "",
    seconds: float | None = None,
) -> None:
    """Add a row about what concerns the whole database (reset, restore, deploy); makes the schema if need be."""
    from aegisdb.postgres.markers import who

    ensure(conn)
    user, _, host = who().partition("@")
    conn.execute(
        "INSERT INTO aegisdb.journal (action, outcome, os_user, host, command, note, seconds)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (action, outcome, user, host, command, note, seconds),
    )
