"""The fresh database of a reset: built, or taken where there is one, verified, and put in the place of the old one."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.background import meanwhile
from aegisdb.building import fill, spare, template
from aegisdb.building.inspection import inspect, require_complete
from aegisdb.building.lacking import lacking, require_nothing_prepared
from aegisdb.building.levels import LEVELS, complete_base
from aegisdb.building.templates import TRIES, FilesChanged
from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.fast_dataclass import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The database that is wanted under the live name."""

    ws: Workspace
    conn: Connection
    """A session on the maintenance database, which holds the lock of who replaces."""
    level: Level
    histories: Mapping[str, History]
    there: bool = False
    """Whether it replaces one, which is kept as a snapshot."""
    cached: bool = True
    """Whether it may come from a template."""
    disconnect: bool = False
    """Whether sessions of other applications are ended."""

    @property
    def live(self) -> str:
        """The name of the live database."""
        return self.ws.address().database

    def take(self, name: str, facts: Mapping[str, str]) -> str:
        """Give the finished database `name` the live name; returns what is to be dropped when there is time."""
        return replace_live(
            self.conn,
            self.live,
            name,
            snapshot_database(self.live, KEPT_AS),
            facts,
            drop_later=spare.can_wait(self.ws),
            carry=True,
            disconnect=self.disconnect,
        )


def put_in_place(wanted: Wanted, look: spare.Look | None) -> Content:
    """Put a fresh database in the place of the live one: the spare copy that `look` looks into, or one that is built.

    Returns:
        What it has.
    """
    with _state_told(wanted.live if wanted.there else ""), look or nullcontext():
        wanted, source, facts = _prepared(wanted, look)
        content = look.take(source) if look else None
        if look and content:
            former = _replace_with_spare(wanted, look.name, facts)
        else:
            content, former = _replace_with_build(wanted, source, facts)
    doomed = filter(None, [former, look.spoiled if look else ""])
    spare.make_ahead(wanted.ws, wanted.conn, source if wanted.level == "seeds" else None, drop=doomed)
    return content


def _prepared(wanted: Wanted, look: spare.Look | None) -> tuple[Wanted, str | None, Mapping[str, str]]:
    """The template to clone, with the histories that are in it, and what the database was that goes.

    None where a copy of it would lack something.
    """
    ws, histories = wanted.ws, wanted.histories
    if wanted.there:
        ws.prefetch()
    with (
        meanwhile(lambda: _journal_before(ws, histories) if wanted.there else {}) as facts,
        meanwhile(lambda: look.look(ws, histories)) if look else nullcontext(),
    ):
        source, histories = _template(wanted) if wanted.cached else (None, histories)
        if source and lacking(wanted.conn, source):
            source = None
    return replace(wanted, histories=histories), source, facts[0]


def _template(wanted: Wanted) -> tuple[str, Mapping[str, History]]:
    """The template's name, and the histories that are in it: files may change while it is built."""
    histories = wanted.histories
    for _ in range(TRIES - 1):
        try:
            return template(wanted.ws, wanted.level, wanted.conn, histories), histories
        except FilesChanged:
            histories = good_histories(wanted.ws.registry)
    return template(wanted.ws, wanted.level, wanted.conn, histories), histories


def _replace_with_spare(wanted: Wanted, name: str, facts: Mapping[str, str]) -> str:
    """Two renames. The copy's journal says already that it was taken: where it cannot be, it is dropped."""
    try:
        return wanted.take(name, facts)
    except AegisError:
        if not wanted.conn.closed:
            databases.drop(wanted.conn, name, force=True)
        raise


def _replace_with_build(wanted: Wanted, source: str | None, facts: Mapping[str, str]) -> tuple[Content, str]:
    """Clone the template, or build from nothing, beside the live database; verified before it takes its place."""
    ws, histories = wanted.ws, wanted.histories
    sweeping = not spare.can_wait(ws)
    with scratch(ws.address(), wanted.conn, template=source, label="reset", sweeping=sweeping) as new:
        if source is None:
            for each in LEVELS[: LEVELS.index(wanted.level) + 1]:
                fill(ws, new, each)
            histories = good_histories(ws.registry)  # as they were when it was filled
            require_nothing_prepared(wanted.conn, new.database)
        content = _verify(ws, new, wanted.level, histories)
        return content, wanted.take(new.database, facts)


def complete_in_place(ws: Workspace, address: Address, level: Level) -> Content:
    """The container ran the init files itself on its first boot; the rest is done on top of that."""
    complete_base(ws, address)
    for each in LEVELS[1 : LEVELS.index(level) + 1]:
        fill(ws, address, each)
    return _verify(ws, address, level, good_histories(ws.registry))


def _verify(ws: Workspace, new: Address, level: Level, histories: Mapping[str, History]) -> Content:
    with ws.short_session(new.database) as conn:
        content = inspect(conn, histories)
        require_complete(content, ws.registry, histories, seeded=level == "seeds")
        side_schema.journal(conn, "reset", command=ws.command, note=f"built up to {level}")
    return content


def _journal_before(ws: Workspace, histories: Mapping[str, History]) -> dict[str, str]:
    """Note in the old database that it will be replaced, and read what it was; damage there stops nobody."""
    try:
        with ws.short_session() as conn:
            side_schema.journal(conn, "reset", outcome="started", command=ws.command)
            return facts_about(conn, ws.registry, histories.values())
    except AegisError as error:
        return {"note": f"could not be read when it was replaced: {error.message}"}


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
