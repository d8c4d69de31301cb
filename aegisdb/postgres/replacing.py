"""A scratch database takes its final place: as a named copy, or as the live database. One transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Busy
from aegisdb.postgres import databases
from aegisdb.postgres.markers import Kind, mark, read_marker
from aegisdb.postgres.quoting import quote_ident, quote_literal
from aegisdb.postgres.scratch import new_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.connection import Connection

_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


def promote(conn: Connection, scratch: str, name: str, kind: Kind, facts: Mapping[str, str]) -> None:
    """Give a finished scratch database its name and marker.

    Raises:
        Busy: sessions are on it; StatementFailed: the name is taken. Nothing changed then.
    """
    databases.wait_until_free(conn, scratch)
    with conn.transaction():
        _rename(conn, scratch, name)
        mark(conn, name, kind, **facts)


def replace_live(
    conn: Connection, live: str, scratch: str, kept_as: str, facts: Mapping[str, str], *, drop_later: bool = False
) -> str:
    """Put the scratch database in the place of `live`, which is kept as the snapshot `kept_as` with `facts`.

    A former `kept_as` is dropped after that has succeeded; with `drop_later` that is left to the caller, who gets its
    name (of a scratch database whose maker is dead: any sweep drops it). Where `live` does not exist, nothing is kept.
    The live database's comment, and with it a marker of ours, goes on to the new one.

    Raises:
        Busy: sessions are on the live database, named; nothing changed.
    """
    if not databases.exists(conn, live):
        databases.wait_until_free(conn, scratch)
        with conn.transaction():
            _rename(conn, scratch, live)
            _comment(conn, live, None)
        return ""
    databases.wait_until_free(conn, live)
    databases.wait_until_free(conn, scratch)
    former = kept_as if databases.exists(conn, kept_as) else ""
    doomed = new_name(conn, live)
    try:
        with conn.transaction():
            if former:
                _rename(conn, former, doomed)
            _swap(conn, live, scratch, kept_as, facts)
    except Busy:
        raise databases.in_use(conn, live, "replaced") from None
    if former and drop_later:
        return doomed
    if former:
        databases.drop(conn, doomed)
    return ""


def _swap(conn: Connection, live: str, scratch: str, kept_as: str, facts: Mapping[str, str]) -> None:
    marker = read_marker(conn, live)
    comment = conn.value(_COMMENT, (live,))
    _rename(conn, live, kept_as)
    _rename(conn, scratch, live)
    mark(conn, kept_as, "snapshot", **facts)
    if marker is None:
        _comment(conn, live, comment)
    elif marker.valid:
        mark(conn, live, marker.kind, **marker.facts)
    else:
        _comment(conn, live, None)


def _rename(conn: Connection, old: str, new: str) -> None:
    conn.execute(f"ALTER DATABASE {quote_ident(old)} RENAME TO {quote_ident(new)}")


def _comment(conn: Connection, name: str, text: str | None) -> None:
    literal = "NULL" if text is None else quote_literal(text)
    conn.execute(f"COMMENT ON DATABASE {quote_ident(name)} IS {literal}")
