"""A scratch database takes its final place: as a named copy, or as the live database. One transaction each."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from aegisdb.errors import Busy
from aegisdb.postgres import databases
from aegisdb.postgres.closing import closed, opening_statements
from aegisdb.postgres.database_properties import carried_statements
from aegisdb.postgres.markers import Kind, mark_statement, parse_marker
from aegisdb.postgres.quoting import quote_ident, quote_literal
from aegisdb.postgres.scratch import new_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.connection import Connection

BRANCH = "aegisdb.branch"
"""Setting of a database: the git branch that it belongs to."""


def promote(conn: Connection, scratch: str, name: str, kind: Kind, facts: Mapping[str, str]) -> None:
    """Give a finished scratch database its name and marker.

    Raises:
        Busy: sessions are on it; StatementFailed: the name is taken. Nothing changed then.
    """
    databases.wait_until_free(conn, scratch)
    conn.execute_together([_rename(scratch, name), mark_statement(name, kind, facts)])


def replace_live(
    conn: Connection,
    live: str,
    scratch: str,
    kept_as: str,
    facts: Mapping[str, str],
    *,
    drop_later: bool = False,
    carry: bool = False,
    disconnect: bool = False,
) -> str:
    """Put the scratch database in the place of `live`, which is kept as the snapshot `kept_as` with `facts`.

    A former `kept_as` is dropped after that has succeeded; with `drop_later` that is left to the caller, who gets its
    name (of a scratch database whose maker is dead: any sweep drops it). Where `live` does not exist, nothing is kept.
    The live database's comment, and with it a marker of ours, goes on to the new one; with `carry` its owner as
    well, and its settings, privileges and connection limit where the new one has none of its own. `disconnect` ends the
    sessions on the live database and lets none in until it is replaced.

    Raises:
        Busy: sessions are on the live database, named; nothing changed.
    """
    alone = closed(conn, live, by="replace") if disconnect and databases.exists(conn, live) else nullcontext()
    with alone:
        return _replace(conn, live, scratch, kept_as, facts, drop_later=drop_later, carry=carry)


def _replace(
    conn: Connection, live: str, scratch: str, kept_as: str, facts: Mapping[str, str], *, drop_later: bool, carry: bool
) -> str:
    found = databases.free(conn, (live, scratch), beside=(kept_as,))
    if live not in found:
        conn.execute_together([_rename(scratch, live), _comment(live, None)])
        return ""
    former, doomed = kept_as in found, new_name(conn, live)
    carried = carried_statements(conn, live, scratch) if carry else []
    statements = [_rename(kept_as, doomed)] if former else []
    statements += [_rename(live, kept_as), _rename(scratch, live), mark_statement(kept_as, "snapshot", facts)]
    statements += [*opening_statements(kept_as), *carried]
    marker = parse_marker(found[live].comment, conn.identity().system_identifier, found[live].oid)
    if marker is None:
        statements.append(_comment(live, found[live].comment))
    elif marker.valid:
        statements.append(mark_statement(live, marker.kind, marker.facts))
    else:
        statements.append(_comment(live, None))
    try:
        conn.execute_together(statements)
    except Busy:
        raise databases.in_use(conn, live, "replaced") from None
    if former and drop_later:
        return doomed
    if former:
        databases.drop(conn, doomed)
    return ""


def exchange(
    conn: Connection,
    live: str,
    incoming: str,
    parked: str,
    facts: Mapping[str, str],
    *,
    labels: tuple[str, str],
    carry: bool = False,
) -> None:
    """Put `incoming` in the place of `live`, which is kept as `parked`, where it is there; one transaction.

    A marker of the live database goes on to the new one, and with `carry` what `replace_live` carries on. `labels`: the
    branches that the two belong to.

    Raises:
        Busy: sessions are on one of them, named; nothing changed.
    """
    found = databases.free(conn, (live, incoming))
    marker = None
    statements, carried = [], []
    if live in found:
        carried = carried_statements(conn, live, incoming) if carry else []
        marker = parse_marker(found[live].comment, conn.identity().system_identifier, found[live].oid)
        statements += [_rename(live, parked), mark_statement(parked, "branch", facts), label(parked, labels[0])]
    statements += [_rename(incoming, live), *carried, label(live, labels[1])]
    if marker is not None and marker.valid:
        statements.append(mark_statement(live, marker.kind, marker.facts))
    else:
        statements.append(_comment(live, found[live].comment if live in found and marker is None else None))
    try:
        conn.execute_together(statements)
    except Busy:
        raise databases.in_use(conn, live, "replaced") from None


def label(name: str, branch: str) -> str:
    """The statement that writes down whose branch a database is."""
    return f"ALTER DATABASE {quote_ident(name)} SET {BRANCH} = {quote_literal(branch)}"


def _rename(old: str, new: str) -> str:
    return f"ALTER DATABASE {quote_ident(old)} RENAME TO {quote_ident(new)}"


def _comment(name: str, text: str | None) -> str:
    literal = "NULL" if text is None else quote_literal(text)
    return f"COMMENT ON DATABASE {quote_ident(name)} IS {literal}"
