"""The comment that says what a database is for, bound to the one database it was written on.

A comment is not copied by CREATE DATABASE ... TEMPLATE, and one that a dump or a hand carried to another database names
another (system_identifier, oid): it proves nothing there.
"""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.quoting import quote_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.connection import Connection

Kind = Literal["scratch", "template", "spare", "snapshot", "test", "branch", "prepared"]
DISPOSABLE: tuple[Kind, ...] = ("scratch", "template", "spare", "test")
"""Kinds of databases that may go. "prepared", which `db.prepare` made or found empty, is none of them."""

_READ = """
    SELECT (SELECT system_identifier FROM pg_control_system()), d.oid::bigint, shobj_description(d.oid, 'pg_database')
      FROM pg_database d WHERE d.datname = %s"""
_READ_ALL = """
    SELECT d.datname, (SELECT system_identifier FROM pg_control_system()), d.oid::bigint,
           shobj_description(d.oid, 'pg_database')
      FROM pg_database d WHERE starts_with(d.datname, %s) ORDER BY 1"""

_MARK = """
BEGIN
  EXECUTE format('COMMENT ON DATABASE %I IS %L', {name}, (
    SELECT json_build_object('aegisdb', {marker}::jsonb || jsonb_build_object(
             'oid', d.oid::bigint, 'system_identifier', (SELECT system_identifier FROM pg_control_system())))
      FROM pg_database d WHERE d.datname = {name}));
END"""


@dataclass(frozen=True, kw_only=True)
class Marker:
    """The marker in a database's comment: what aegisdb made it for.

    Attributes:
        kind: what the suite made it for.
        system_identifier: the server it was written on.
        oid: the database it was written on.
        made: UTC, ISO 8601, with microseconds: it says which of two databases is the newer one.
        made_by: user@host.
        facts: what the maker wants to find again, such as the snapshot's revisions.
        valid: server and database are the ones that it names; False is a copied marker.
    """

    kind: Kind
    system_identifier: int
    oid: int
    made: str
    made_by: str
    facts: dict[str, str] = field(default_factory=dict)
    valid: bool = True


def mark(conn: Connection, name: str, kind: Kind, **facts: str) -> None:
    """Write the marker of database `name`, over any comment it has."""
    conn.execute(mark_statement(name, kind, facts))


def mark_statement(name: str, kind: Kind, facts: Mapping[str, str]) -> str:
    """The statement that does so; the server adds what it and the database are."""
    marker = {"kind": kind, "made": now(), "made_by": who(), "facts": dict(facts)}
    body = _MARK.format(name=quote_literal(name), marker=quote_literal(json.dumps(marker)))
    return f"DO {quote_literal(body)}"  # not between dollar signs: a git branch may have them in its name


def read_marker(conn: Connection, name: str) -> Marker | None:
    """The marker of database `name`; None without one or without the database."""
    rows = conn.rows(_READ, (name,))
    return parse_marker(rows[0][2], rows[0][0], rows[0][1]) if rows else None


def read_markers(conn: Connection, prefix: str) -> dict[str, Marker | None]:
    """The marker of each database whose name begins so."""
    rows = conn.rows(_READ_ALL, (prefix,))
    return {name: parse_marker(comment, system, oid) for name, system, oid, comment in rows}


def parse_marker(comment: str | None, system_identifier: int, oid: int) -> Marker | None:
    """The marker in a comment found on this server and database; None when the comment is something else."""
    try:
        content = json.loads(comment or "")["aegisdb"]
        marker = Marker(**content)
    except (ValueError, TypeError, KeyError):
        return None
    valid = (marker.system_identifier, marker.oid) == (system_identifier, oid)
    return Marker(**{**content, "valid": valid})


def now() -> str:
    """The time as a marker's `made` has it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def who() -> str:
    """user@host of this process, for markers, locks and the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
