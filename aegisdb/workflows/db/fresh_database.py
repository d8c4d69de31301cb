"""The fresh database of a reset: built, or taken where there is one, verified, and put in the place of the old one."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from aegisdb.background import meanwhile
from aegisdb.building import fill, spare, template
from aegisdb.building.inspection import inspect, require_complete
from aegisdb.building.levels import LEVELS, complete_base
from aegisdb.building.templates import TRIES, FilesChanged
from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.postgres import databases, side_schema
from aegisdb.postgres.replacement import replace_live
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories
from aegisdb.workflows.db.snapshots import facts_about, snapshot_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.building import Level
    from aegisdb.building.inspection import Content
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

KEPT_AS = "before-reset"
"""The snapshot that the old database becomes."""


def put_in_place(
    ws: Workspace,
    conn: Connection,
    level: Level,
    histories: Mapping[str, History],
    *,
    there: bool,
    no_cache: bool,
    look: spare.Look | None,
    disconnect: bool = False,
) -> Content:
    """Build the fresh database, put it in the place of the one that is `there`, and say what it has."""
    live = ws.address().database
    kept_as, later = snapshot_database(live, KEPT_AS), spare.can_wait(ws)
    replace = partial(replace_live, conn, live, drop_later=later, carry=True, disconnect=disconnect)
    with _state_told(live if there else ""), look or nullcontext():
        if there:
            ws.begin("")
        with (
            meanwhile(lambda: _journal_before(ws, histories) if there else {}) as facts,
            meanwhile(lambda: look.look(ws, histories)) if look else nullcontext(),
        ):
            source, histories = (None, histories) if no_cache else _template(ws, conn, level, histories)
        content = look.take(source) if look else None
        if look and content:
            with _dropped_unless_taken(conn, look.name):
                former = replace(look.name, kept_as, facts[0])
        else:
            with scratch(ws.address(), conn, template=source, label="reset", sweeping=not later) as new:
                if source is None:
                    for each in LEVELS[: LEVELS.index(level) + 1]:
                        fill(ws, new, each)
                    histories = good_histories(ws.registry)  # as they were when it was filled
                content = _verify(ws, new, level, histories)
                former = replace(new.database, kept_as, facts[0])
    doomed = [former, look.spoiled if look else ""]
    spare.make_ahead(ws, conn, source if level == "seeds" else None, drop=filter(None, doomed))
    return content


def _template(
    ws: Workspace, conn: Connection, level: Level, histories: Mapping[str, History]
) -> tuple[str, Mapping[str, History]]:
    """The template's name, and the histories that are in it: files may change while it is built."""
    for _ in range(TRIES - 1):
        try:
            return template(ws, level, conn, histories), histories
        except FilesChanged:
            histories = good_histories(ws.registry)
    return template(ws, level, conn, histories), histories


def complete_in_place(ws: Workspace, address: Address, level: Level) -> Content:
    """The container ran the init files itself on its first boot; the rest is done on top of that."""
    complete_base(ws, address)
    for each in LEVELS[1 : LEVELS.index(level) + 1]:
        fill(ws, address, each)
    return _verify(ws, address, level, good_histories(ws.registry))


def _verify(ws: Workspace, new: Address, level: Level, histories: Mapping[str, History]) -> Content:
    with ws.connect(new.database) as conn:
        content = inspect(conn, histories)
        require_complete(content, ws.registry, histories, seeded=level == "seeds")
        side_schema.journal(conn, "reset", command=ws.command, note=f"built up to {level}")
    return content


def _journal_before(ws: Workspace, histories: Mapping[str, History]) -> dict[str, str]:
    """Note in the old database that it will be replaced, and read what it was; damage there stops nobody."""
    try:
        with ws.connect() as conn:
            side_schema.journal(conn, "reset", outcome="started", command=ws.command)
            return facts_about(conn, ws.registry, histories.values())
    except AegisError as error:
        return {"note": f"could not be read when it was replaced: {error.message}"}


@contextmanager
def _dropped_unless_taken(conn: Connection, name: str) -> Iterator[None]:
    """Its journal says that it was taken; where it was not, another one is made."""
    try:
        yield
    except AegisError:
        if not conn.closed:
            databases.drop(conn, name, force=True)
        raise


@contextmanager
def _state_told(live: str) -> Iterator[None]:
    """Say in every error what the state is now."""
    state = f"database {live!r} is as it was, what was built beside it is dropped" if live else "nothing was kept"
    try:
        yield
    except AegisError as error:
        first, newline, rest = error.message.partition("\n")
        # a seed's own hint is for the live database
        other = isinstance(error, Failed) and (not error.hint or "invoke " in error.hint)
        raise error.amended(
            message=f"{first}; {state}{newline}{rest}", hint="fix it, then: invoke db.reset" if other else ""
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(f"db.reset was interrupted; {state}", hint="invoke db.reset") from None
