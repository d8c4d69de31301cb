"""The three levels of a database, each on top of the one before: base schema, histories, seeds."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Literal

from aegisdb.errors import BadInput, StatementFailed
from aegisdb.postgres import databases, psql, side_schema
from aegisdb.postgres.connection import connect
from aegisdb.progress import Event
from aegisdb.revisions.load import good_histories

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.workspace import Workspace

Level = Literal["base", "histories", "seeds"]
LEVELS: tuple[Level, ...] = ("base", "histories", "seeds")
"""All levels, from the deepest up."""


def build(ws: Workspace, name: str, *, upto: Level, revisions: Mapping[str, tuple[str, ...]] | None = None) -> None:
    """Make database `name` from nothing, without any cache; `revisions` stops each service's history there.

    What cannot be finished is dropped.

    Raises:
        StatementFailed, RevisionFailed, or a seed's own error; HistoryError before anything is made.
    """
    good_histories(ws.registry)
    address = ws.address().with_database(name)
    with databases.maintenance(address, application="aegisdb: build a database") as conn:
        databases.create(conn, name)
        try:
            for level in LEVELS[: LEVELS.index(upto) + 1]:
                fill(ws, address, level, revisions=revisions)
        except BaseException:
            databases.drop(conn, name, force=True)
            raise


def fill(
    ws: Workspace, address: Address, level: Level, *, revisions: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """Bring a database that has the level below up to this level; raises as `build`."""
    if level == "base":
        _base(ws, address)
    elif level == "histories":
        _histories(ws, address, revisions)
    else:
        _seeds(ws, address)


def init_files(ws: Workspace) -> tuple[Path, ...]:
    """The base schema's files in registry order."""
    return tuple(ws.registry.root / name for name in ws.registry.file.database.init)


def complete_base(ws: Workspace, address: Address) -> None:
    """What belongs to the base level besides the init files: the side schema and the deploy files."""
    from aegisdb.deploy.execution import run_deploy

    with connect(address, application="aegisdb: build a database") as conn:
        side_schema.ensure(conn)
    run_deploy(ws.registry, address, bindir=ws.server.bindir(), listen=ws.listen)


def _base(ws: Workspace, address: Address) -> None:
    require_unnamed(ws)
    free = set(ws.registry.file.database.unrestricted)
    bindir = ws.server.bindir()
    for name in ws.registry.file.database.init:
        ws.listen(Event(step="base schema", subject=name))
        # as the container's entrypoint runs them: no transaction around a file, it may have its own
        try:
            seconds = psql.run_file(
                address,
                ws.registry.root / name,
                bindir=bindir,
                single_transaction=False,
                restrict=name not in free,
            )
        except StatementFailed as error:
            raise _explained(error) from None
        ws.listen(Event(step="base schema", subject=name, seconds=seconds))
    complete_base(ws, address)


def require_unnamed(ws: Workspace) -> None:
    """Refuse init files that name the live database: they run in a new one beside it, so they would change the old one.

    Raises:
        BadInput: file:line, and how to write it instead.
    """
    name = re.escape(ws.registry.file.database.name)
    naming = re.compile(rf"\bDATABASE\s+(?:{name}\b|\"{name}\")", re.IGNORECASE)
    for path in init_files(ws):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            if naming.search(line.partition("--")[0]):
                raise BadInput(
                    f"{path.name} names the database {ws.registry.file.database.name!r},"
                    " but a new database has another name until it is finished",
                    hint="DO $$ BEGIN EXECUTE format('ALTER DATABASE %I ...', current_database()); END $$;",
                    where=f"{path}:{number}",
                    code="names_database",
                )


def _explained(error: StatementFailed) -> StatementFailed:
    if error.sqlstate == "42710" and error.message.startswith("role "):
        hint = (
            "a role belongs to the server, not to the database that is built anew: DO $$ BEGIN CREATE ROLE ...;"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        )
        return error.amended(hint=hint)
    if error.sqlstate != "0A000" or "extension" not in error.message or error.hint:
        return error
    hint = "this server lacks the extension: install it there, or use the target with the embedded server"
    return error.amended(hint=hint)


def _histories(ws: Workspace, address: Address, revisions: Mapping[str, tuple[str, ...]] | None) -> None:
    from aegisdb.building.lived_order import database_to_follow
    from aegisdb.runtime.step_options import StepOptions
    from aegisdb.runtime.upgrade import apply_histories

    live = database_to_follow(ws, address, to=revisions)
    with connect(address, application="aegisdb: build a database") as conn:
        identity = conn.identity()
    options = StepOptions(listen=ws.listen)
    apply_histories(ws.registry, address, identity, to=revisions, live=live, options=options, bindir=ws.server.bindir())


def _seeds(ws: Workspace, address: Address) -> None:
    from aegisdb.revisions.order import service_order
    from aegisdb.seeds import run_seeds

    began = time.monotonic()
    services = service_order(ws.registry, good_histories(ws.registry))
    every = (*services, *(name for name in ws.registry.services if name not in services))
    run_seeds(ws.registry, address, services=every, bindir=ws.server.bindir(), listen=ws.listen)
    ws.listen(Event(step="seeds", subject=address.database, seconds=time.monotonic() - began))
