"""The base schema in the database of a URL, which no image has laid: `db.prepare` does where nothing is in there.

Init files have no transaction around them. So the journal says that laying began, before the first file, and that it
was done, after the last: what lies between, whatever ended it, is a half-made base schema.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.building.levels import fill, require_unnamed
from aegisdb.errors import Dirty, RevisionFailed, StatementFailed
from aegisdb.postgres import side_schema
from aegisdb.postgres.neighbours import has_only_side_schema, is_empty
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

_ACTION, _STARTED, _MISSED = "base", "started", "missed"
_LAST = "SELECT outcome FROM aegisdb.journal WHERE action = %s ORDER BY id DESC LIMIT 1"
_FORGOTTEN = "DELETE FROM aegisdb.journal WHERE action = 'base'"
_NOT_THERE = re.compile(r"does not exist \(SQLSTATE (42704|42883|42P01|3F000)\)")


def lacking_files(ws: Workspace) -> tuple[str, ...]:
    """Files of the base schema that the target's database needs, as it has nothing in it.

    Raises:
        Dirty: `half_made`, what to do with one that has a part of them.
    """
    files = ws.registry.file.database.init
    if ws.server.own or not files:
        return ()
    with ws.connect() as conn:
        if is_empty(conn):
            return files
        if _noted(conn) != _STARTED:
            return ()
        if has_only_side_schema(conn):
            return files
        raise Dirty(
            f"database {conn.identity().database!r} may have a part of the base schema only: a db.prepare ended while"
            f" its files ran ({', '.join(files)})",
            hint=f"{_anew(conn)}; or run what is missing by hand, then say in it: {_FORGOTTEN}",
            code="half_made",
        )


def lay(ws: Workspace) -> tuple[str, ...]:
    """Run the files of the base schema where the database has nothing in it; returns them.

    Raises:
        Dirty: as `lacking_files`; StatementFailed: a file failed, what ran before it is kept.
    """
    if not lacking_files(ws):
        return ()
    require_unnamed(ws)
    with ws.writing("db.prepare"):
        if not (files := lacking_files(ws)):  # another run has done it meanwhile
            return ()
        _note(ws, _STARTED)
        try:
            fill(ws, ws.address(), "base")
        except StatementFailed as error:
            raise _kept(ws, error) from None
        _note(ws, "done")
    return files


@contextmanager
def missed(ws: Workspace, conn: Connection) -> Iterator[None]:
    """Let the error of a revision say where the base schema was never laid, as the database was empty before the first.

    That is journaled: what the revisions before it made is there the next time.

    Raises:
        RevisionFailed: with that as its hint, where it missed a table, type, function or schema.
    """
    files = ws.registry.file.database.init
    asked = bool(files) and not ws.server.own
    was_empty = asked and has_only_side_schema(conn)
    try:
        yield
    except RevisionFailed as error:
        if not asked or error.way_out or not _NOT_THERE.search(error.message):
            raise
        if was_empty:
            side_schema.journal(conn, _ACTION, outcome=_MISSED, command=ws.command)
        elif _noted(conn) != _MISSED:
            raise
        why = f"the database was empty and has no base schema ({', '.join(files)})"
        raise error.amended(hint=f"{why}: {_anew(conn)}") from None


def _kept(ws: Workspace, error: StatementFailed) -> StatementFailed:
    with ws.connect() as conn:
        if has_only_side_schema(conn):
            kept = "nothing of the base schema is kept: the next db.prepare begins with it again"
        else:
            kept = f"what ran before it is kept: {_anew(conn)}"
    return error.amended(hint=f"{error.hint}; {kept}" if error.hint else kept)


def _anew(conn: Connection) -> str:
    name = quote_ident(conn.identity().database)
    again = f"DROP DATABASE {name}; CREATE DATABASE {name}"
    return f"drop the database and create it again ({again}), then invoke db.prepare"


def _noted(conn: Connection) -> str:
    """What the journal says last of the base schema; empty where it says nothing."""
    return str(conn.value(_LAST, (_ACTION,)) or "") if side_schema.exists(conn) else ""


def _note(ws: Workspace, outcome: str) -> None:
    with ws.connect() as conn:
        side_schema.journal(conn, _ACTION, outcome=outcome, command=ws.command)
