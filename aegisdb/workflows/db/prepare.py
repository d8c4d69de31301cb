"""`db.prepare`: a database to work with, whatever was there before: made when missing, else brought up to date."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aegisdb.applied.version_tables import read_versions
from aegisdb.building import laid_base
from aegisdb.building.beside import note_prepared, still_noted
from aegisdb.dry_run import Planned
from aegisdb.errors import NoDatabase, NotRunning
from aegisdb.postgres import databases
from aegisdb.results import Result
from aegisdb.revisions.load import good_histories
from aegisdb.safety import prove, told

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace

Did = Literal["made", "migrated", "nothing"]


@dataclass(frozen=True, kw_only=True)
class PrepareResult(Result):
    """The steps that were taken; `did` is "nothing" when all of it was there already."""

    database: str
    did: Did
    base: tuple[str, ...] = ()
    """Files of the base schema, where the database of a URL was empty."""
    deployed: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    """Applied ones, each with its service."""
    seeds: tuple[str, ...] = ()
    found: str = ""
    """How the database was found, "missing" or "empty", where that was noted in it: databases for proofs may then stand
    beside it. Empty on servers that are not given by URL."""
    seconds: float


def prepare(ws: Workspace, *, no_seed: bool = False) -> PrepareResult:
    """Start the server; make the database when there is none, else run deploy files and pending revisions.

    Nothing is ever replaced. On a server given by URL a database that has nothing in it gets the base schema first:
    there is no image that has run the files. Seeds run in a database that is made here, and in one that no history has
    touched yet where it is proven to be this project's own (a container that has just run its init files).

    Raises:
        Busy, Unreachable, RevisionFailed, Failed: as `db.reset`, `deploy.apply`, `migrate.apply` and `seed.run`.
        Dirty: an earlier run laid a part of the base schema only.
    """
    began = time.monotonic()
    good_histories(ws.registry)
    with ExitStack() as at_end:
        if not _is_there(ws, at_end) and (made := _make(ws, began, no_seed=no_seed)):
            return made
    found, base = note_prepared(ws, made=False), laid_base.lay(ws)
    untouched = not no_seed and _is_untouched(ws)
    from aegisdb.seeds import SeedRunResult
    from aegisdb.workflows.deploy.apply import deploy_apply
    from aegisdb.workflows.migrate.apply import apply
    from aegisdb.workflows.seed.run import seed_run

    deployed = deploy_apply(ws)
    applied = apply(ws)
    seeded = seed_run(ws) if untouched and not applied.problems else None
    files = tuple(file.file for file in deployed.files)
    revisions = tuple(f"{service.service} {step.revision}" for service in applied.services for step in service.done)
    seeds = tuple(f"{s.service}: {s.seed}" for s in seeded.seeds) if isinstance(seeded, SeedRunResult) else ()
    return PrepareResult(
        database=ws.address().database,
        did="migrated" if base or files or revisions or seeds else "nothing",
        base=base,
        deployed=files,
        revisions=revisions,
        seeds=seeds,
        found=still_noted(ws, found),
        seconds=time.monotonic() - began,
        problems=(*deployed.problems, *applied.problems),
    )


def plan_prepare(ws: Workspace, *, no_seed: bool = False) -> Planned:
    """List what `prepare` would do; starts nothing.

    Raises:
        Unreachable: the server of a URL does not answer; HistoryError: files that cannot be read.
    """
    good_histories(ws.registry)
    try:
        address = ws.address()
        with databases.maintenance(address, application="aegisdb: db.prepare", client=ws.client) as conn:
            there = databases.exists(conn, address.database)
    except NotRunning:
        return Planned(steps=(f"start the {ws.server.kind} server", "make the database if there is none, else migrate"))
    if not there:
        from aegisdb.workflows.db.reset import plan_reset

        return plan_reset(ws, no_seed=no_seed)
    from aegisdb.workflows.deploy.apply import deploy_apply
    from aegisdb.workflows.migrate.apply import apply

    steps = [f"run {file}" for file in (*laid_base.lacking_files(ws), *deploy_apply(ws, dry_run=True).planned)]
    for service in apply(ws, dry_run=True).services:
        steps += [f"apply {revision} of {service.service}" for revision in service.not_started]
    return Planned(steps=tuple(steps) or ("do nothing: all revisions and deploy files are applied",))


def _is_there(ws: Workspace, at_end: ExitStack) -> bool:
    try:
        ws.server.start(ws.listen, ws.client, at_end)
    except NoDatabase:
        return False
    address = ws.address()
    with databases.maintenance(address, application="aegisdb: db.prepare", client=ws.client) as conn:
        return databases.exists(conn, address.database)


def _make(ws: Workspace, began: float, *, no_seed: bool) -> PrepareResult | None:
    """None where another run made it first."""
    from aegisdb.workflows.db.reset import make

    if not (done := make(ws, no_seed=no_seed)):
        return None
    return PrepareResult(
        database=done.database,
        did="made",
        revisions=tuple(f"{one.name} {one.what}" for one in done.made if one.kind == "history"),
        seeds=tuple(one.name for one in done.made if one.kind == "seed"),
        found=note_prepared(ws, made=True),
        seconds=time.monotonic() - began,
    )


def _is_untouched(ws: Workspace) -> bool:
    with ws.short_session() as conn:
        applied = read_versions(conn, good_histories(ws.registry).values())
    if any(applied.values()):
        return False
    address = ws.address()
    with databases.maintenance(address, application="aegisdb: db.prepare", client=ws.client) as conn:
        return prove(ws, conn, told(conn, address.database)) is not None
