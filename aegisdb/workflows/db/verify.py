"""`db.verify`: is the base schema intact, and does the audit trail really refuse to be changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.proof_target import comparable, in_words_of, proving
from aegisdb.drift.expected_schema import base_schema
from aegisdb.errors import Problem, StatementFailed
from aegisdb.file_cache import Kind
from aegisdb.fingerprint import diff, read
from aegisdb.ownership import BASE, Owners
from aegisdb.plain_text import number_of
from aegisdb.postgres.connection import connect
from aegisdb.postgres.graphs import broken_graphs, graph_names
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.refusals import Guarded, in_the_way, refusal, refused
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Change
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_GOOD = {"ok", "untried"}
_REFUSALS = Kind("refusals/{name}.json")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A promise of the base schema, and whether it holds."""

    what: str
    """extension, graph, schema, or the statement that a trigger refuses."""
    object: str
    state: str
    """ok, missing, changed, added, accepted, broken, or untried: it would be refused here whatever triggers say."""
    detail: str = ""
    """What the server said, or the difference."""


@dataclass(frozen=True, kw_only=True)
class BaseVerifyResult(Result):
    """Every promise, kept or not."""

    checks: tuple[Check, ...]


def base_verify(ws: Workspace) -> BaseVerifyResult:
    """Compare the target's base schema with what init SQL builds, and try what its triggers must refuse.

    Each trial runs in a transaction that is rolled back. Tables that a service owns are its history's affair
    (`migrate.verify`). Exit 6 with `base_schema` for each promise that is broken.

    Raises:
        Unreachable: no server or no database; Busy: a guarded table stayed locked.
    """
    promised = _promised_refusals(proving(ws))
    with ws.connect() as conn:
        conn.stay()  # it waits for references that are built elsewhere
        checks = (
            *_parts(conn, ws.registry),
            *_objects(ws, conn),
            *(_trial(conn, guarded) for guarded in promised),
        )
    return BaseVerifyResult(
        checks=checks, problems=tuple(_problem(check, restoring(ws)) for check in checks if check.state not in _GOOD)
    )


def _parts(conn: Connection, registry: Registry) -> Iterator[Check]:
    database = registry.file.database
    installed = dict(conn.rows("SELECT extname, extversion FROM pg_extension"))
    graphs = graph_names(conn)
    for name in database.extensions:
        yield Check(what="extension", object=name, state=_there(name in installed), detail=str(installed.get(name, "")))
    broken = {graph.name: graph for graph in broken_graphs(conn)}
    for name in database.graphs:
        if name not in broken:
            yield Check(what="graph", object=name, state=_there(name in graphs))
    for graph in broken.values():
        yield Check(what="graph", object=graph.name, state="broken", detail=str(graph))


def _objects(ws: Workspace, conn: Connection) -> tuple[Check, ...]:
    """One check for all objects of the base that are as they should be, and one for each that is not."""
    there = comparable(ws, conn)
    base = in_words_of(conn, there, base_schema(there))
    owners = Owners(ws.registry, base)
    whose = owners.owners(base)
    mine = {key for key, owner in whose.items() if owner == BASE}
    live = read(conn)

    def belongs(key: str) -> bool:
        return key in mine or owners.owner_of(key, live.relations.get(key, "")) == BASE

    # what hangs on a table of the base is the base's too: an index that somebody added by hand is a difference
    changes = [change for change in diff(base.only(belongs), live.only(belongs)) if not change.is_remark]
    intact = Check(what="schema", object=number_of(len(mine), "object"), state="ok")
    return tuple(_changed(change) for change in changes) or (intact,)


def _changed(change: Change) -> Check:
    state = {"removed": "missing"}.get(change.kind, change.kind)
    return Check(what="schema", object=change.object, state=state, detail=str(change))


def _trial(conn: Connection, guarded: Guarded) -> Check:
    if conn.value("SELECT to_regclass(%s)", (guarded.table,)) is None:
        return Check(what=guarded.verb, object=guarded.table, state="missing")
    if why := in_the_way(conn, guarded):
        return Check(what=guarded.verb, object=guarded.table, state="untried", detail=why)
    try:
        said = refusal(conn, guarded)
    except StatementFailed as error:
        return Check(what=guarded.verb, object=guarded.table, state="accepted", detail=f"not by a trigger: {error}")
    return Check(what=guarded.verb, object=guarded.table, state="ok" if said else "accepted", detail=said)


def _promised_refusals(ws: Workspace) -> tuple[Guarded, ...]:
    """What the base schema refuses, tried once for each content of the init files."""
    name = template(ws, "base")
    kept = _REFUSALS.file(ws.registry.state, name)
    if (known := kept.read_json()) is not None:
        return tuple(Guarded(table, verb) for table, verb in known)
    with scratch(ws.address(), template=name, label="db.verify") as address, connect(address) as conn:
        promised = refused(conn)
    kept.keep_json([[guarded.table, guarded.verb] for guarded in promised])
    return promised


def restoring(ws: Workspace) -> str:
    """How what the base schema makes comes back; a server that is not ours is not reset."""
    return f"restore it from the files of `database.init`{', or invoke db.reset' if ws.server.managed else ''}"


def _problem(check: Check, hint: str) -> Problem:
    if check.state == "accepted":
        message = f"{check.what} on {check.object} is not refused by a trigger"
    elif check.what == "schema":
        message = check.detail
    elif check.state == "broken":
        message = f"{check.what} {check.object} is broken by a dump and restore: {check.detail}"
        hint = "invoke doctor --fix"
    else:
        message = f"{check.what} {check.object} is missing"
    return Problem(
        code="base_schema",
        message=message,
        hint=hint,
        where=check.object,
        exit_code=6,
    )


def _there(is_there: bool) -> str:  # noqa: FBT001  reads as a sentence
    return "ok" if is_there else "missing"
