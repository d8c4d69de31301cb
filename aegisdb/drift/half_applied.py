"""What a revision that died half-way committed, and whether what a person says about it is true.

Judged from schemas that are built on scratch databases: before the step, and after it. Rows that a data migration
changed cannot be seen in a schema; the texts say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Difference, Dirty, Failed
from aegisdb.progress import under_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.errors import Problem
    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.indexes import InvalidIndex
    from aegisdb.postgres.side_schema import InFlight
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_SHOWN = 6
_REHEARSAL = 120.0  # seconds for the one step on an empty database
_UNSEEN = "no object that is its own or nobody's; rows that it changed cannot be told"


def refusal(ws: Workspace, conn: Connection, service: str, problem: Problem) -> Dirty:
    """The error of a run that meets a half-applied revision, with what that one committed."""
    hint = f"what it committed: {_listed(committed(ws, conn, service))}; {problem.hint}"
    return Dirty(problem.message, hint=hint, where=problem.where, code=problem.code)


def committed(ws: Workspace, conn: Connection, service: str) -> tuple[str, ...]:
    """Objects of the service that are not as its applied revisions build them; the half-applied one is not run."""
    from aegisdb.applied.status import read_standings
    from aegisdb.building.buildable import needed_only
    from aegisdb.drift.schema_drift import drift
    from aegisdb.ownership import NOBODY
    from aegisdb.revisions.load import good_histories

    try:
        built = needed_only(ws, service)
        standings = read_standings(conn, good_histories(built.registry))
        found = drift(ws, conn, {name: standing.applied for name, standing in standings.items()}, built=built)
    except AegisError as error:
        return (f"cannot be told ({error.message.splitlines()[0]})",)
    # what it made outside a transaction may be nobody's by name
    changes = (*found.changes.get(service, ()), *found.changes.get(NOBODY, ()))
    return tuple(f"{change.kind} {change.object}" for change in changes)


def _listed(lines: tuple[str, ...]) -> str:
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return (", ".join(lines[:_SHOWN]) + more) if lines else _UNSEEN


def settle_indexes(
    ws: Workspace, conn: Connection, history: History, half: InFlight, *, wanted: bool
) -> tuple[str, ...]:
    """Finish or remove the INVALID indexes that the revision names: rebuilt when they are `wanted`, else dropped.

    Either loses nothing and stops no writer. Returns the statements that were run.
    """
    statements = [index.repair if wanted else index.removal for index in named_invalid(conn, history, half.revision)]
    for statement in statements:
        with under_way(ws.listen, "fix", statement):
            conn.execute(statement)
    return tuple(statements)


def named_invalid(conn: Connection, history: History, revision: str) -> tuple[InvalidIndex, ...]:
    """INVALID indexes whose name is in the revision's source."""
    from aegisdb.postgres.indexes import invalid_indexes

    known = history.revisions.get(revision)
    words = set(re.findall(r"\w+", known.source)) if known else set()
    return tuple(i for i in invalid_indexes(conn) if i.bare in words and not i.in_work)


def require_true(ws: Workspace, conn: Connection, history: History, half: InFlight, *, done: bool) -> None:
    """Let a decision through when every object that the step touches is as the decision says.

    Raises:
        Difference: `resolve`, with what is still there or still missing and the statement for it where there is a
        simple one; or the comparison was not possible.
    """
    judged = judge(ws, conn, history, half)
    wrong = judged.unlike_done if done else judged.unlike_undone
    if wrong:
        word = "applied" if done else "rolled back"
        lines = [f"{history.service}: {half.revision} is not {word} (nothing was recorded); {len(wrong)} differ"]
        raise Difference(
            "\n".join([*lines, *(f"  {change}" for change in wrong[:_SHOWN])]),
            hint=_way_out(wrong, half, done=done),
            code="resolve",
        )


@dataclass(frozen=True)
class Judged:
    """What differs from the step having been done, and from its never having been started."""

    unlike_done: tuple[Change, ...]
    unlike_undone: tuple[Change, ...]


def judge(ws: Workspace, conn: Connection, history: History, half: InFlight) -> Judged:
    """Compare the objects that the step touches with both states.

    Raises:
        Difference: `resolve`: the step does not run on a scratch database, so nothing can be compared.
    """
    from aegisdb.building.proof_target import comparable, in_words_of
    from aegisdb.fingerprint import diff, read, without_parts
    from aegisdb.ownership import Owners

    there = comparable(ws, conn)
    before, after = (in_words_of(conn, there, state) for state in _rehearsed(there, conn, history, half))
    owners = Owners(ws.registry)
    touched = {c.object for c in diff(before, after) if not c.is_remark and not owners.is_version_table(c)}
    live = read(conn).only(touched.__contains__)
    states = (state.only(touched.__contains__) for state in (after, before))
    return Judged(*(tuple(without_parts(diff(state, live))) for state in states))


def _way_out(wrong: Iterable[Change], half: InFlight, *, done: bool) -> str:
    statements = [statement for change in wrong if (statement := removal(change))]
    if statements:
        return f"{'; '.join(statements)} -- in invoke db.shell, then say it again"
    other = "--rolled-back" if done else "--applied"
    return f"finish the {half.action} by hand, or say {other}; --force records it without a comparison"


_DROPPABLE = ("materialized view", "table", "view", "index", "sequence", "type", "function", "procedure")


def removal(change: Change) -> str:
    """The statement that undoes an added object, empty where there is no simple one."""
    if change.kind != "added":
        return ""
    for kind in _DROPPABLE:
        if change.object.startswith(f"{kind} "):
            return f"DROP {kind.upper()} {change.object[len(kind) + 1 :]}"
    for kind in ("column", "constraint"):
        if change.object.startswith(f"{kind} ") and change.relation:
            name = change.object.removeprefix(f"{kind} {change.relation}.")
            return f"ALTER TABLE {change.relation} DROP {kind.upper()} {name}"
    return ""


def _rehearsed(ws: Workspace, conn: Connection, history: History, half: InFlight) -> tuple[Fingerprint, Fingerprint]:
    """The schema before and after the step, on a scratch database at the applied revisions."""
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.building import fill, template
    from aegisdb.building.buildable import needed_only
    from aegisdb.fingerprint import read
    from aegisdb.postgres.connection import connect
    from aegisdb.postgres.scratch import scratch
    from aegisdb.revisions.load import good_histories
    from aegisdb.runtime.history_base import lay_ground
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    try:
        ws = needed_only(ws, history.service)
        histories = good_histories(ws.registry)
        rows = read_versions(conn, histories.values())
        applied = {name: tuple(r for r in rows[name] if r in h.revisions) for name, h in histories.items()}
        with scratch(ws.address(), template=template(ws, "base"), label="half-applied") as address:
            up = half.action == "upgrade"
            if (half.revision in history.ancestors(applied[history.service])) == up:  # the version was committed too
                applied[history.service] = history.after(applied[history.service], half.revision, up=not up)
            fill(ws, address, "histories", revisions=applied)
            with connect(address) as there:
                lay_ground(ws.registry, there, [history], bindir=ws.server.bindir())
                before, identity = read(there), there.identity()
                options = StepOptions(listen=ws.listen, journal=False, timeout=_REHEARSAL)
                with Session(ws.registry, history, address, identity, options) as session:
                    (session.upgrade_one if up else session.downgrade_one)(half.revision)
                return before, read(there)
    except Failed as error:
        raise Difference(
            f"{history.service}: {half.revision} cannot be compared with the live schema: {error.message}",
            hint="--force records the decision without a comparison",
            where=error.where,
            code="resolve",
        ) from None
