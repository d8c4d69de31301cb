"""Is the live schema what a revision builds? Asked before a stamp; names the revisions that it does fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.building import template
from aegisdb.building.buildable import needed_only
from aegisdb.building.proof_target import comparable, in_words_of
from aegisdb.drift.expected_schema import base_schema
from aegisdb.errors import Difference
from aegisdb.fingerprint import Fingerprint, diff, read
from aegisdb.fingerprint.partitions import without_new_partitions
from aegisdb.ownership import Owners
from aegisdb.plain_text import number_of
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.turns import Turns
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import all_needs, service_order
from aegisdb.runtime.history_base import is_laid, lay_ground
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED, StepOptions
from aegisdb.runtime.upgrade import Sessions, apply_histories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.fingerprint import Change
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_SHOWN = 8  # lines of differences in an error


def require_fit(ws: Workspace, conn: Connection, history: History, wanted: tuple[str, ...]) -> None:
    """Let a stamp through when the service's objects are what `wanted` builds.

    Raises:
        Difference: `stamp`, with the differences and a revision that fits; RevisionFailed: the history does not build.
    """
    different = distances(ws, conn, history)
    at = tuple(sorted(wanted))
    if at not in different:
        at = min(different, key=lambda candidate: len(set(candidate) ^ set(wanted)))
    if not different[at]:
        return
    fitting = [" ".join(candidate) or "base" for candidate, changes in different.items() if not changes]
    best = min(different, key=lambda candidate: len(different[candidate]))
    raise Difference(
        "\n".join(_report(history.service, wanted, different[at])),
        hint=_hint(history, fitting, " ".join(best) or "base", len(different[best])),
        code="stamp",
    )


def distances(ws: Workspace, conn: Connection, history: History) -> dict[tuple[str, ...], tuple[Change, ...]]:
    """By revision, base first: what of the service's objects differs from what the history builds up to there.

    Raises:
        RevisionFailed: the history does not build.
    """
    there = comparable(ws, conn)
    owners = Owners(ws.registry, base_schema(there))
    live = read(conn)
    built = {at: in_words_of(conn, there, state) for at, state in _states(there, conn, history).items()}
    return {at: _changes(owners, history.service, state, live) for at, state in built.items()}


def _report(service: str, wanted: tuple[str, ...], changes: tuple[Change, ...]) -> list[str]:
    target = " ".join(wanted) or "base"
    lines = [f"{service}: the live schema is not what {target} builds (nothing was stamped); {len(changes)} differ"]
    lines += [f"  {change}" for change in changes[:_SHOWN]]
    return [*lines, f"  and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else lines


def _hint(history: History, fitting: list[str], best: str, distance: int) -> str:
    if fitting:
        fit = fitting[-1]
        return f"it is what {fit} builds: invoke migrate.stamp --service {history.service} --revision {fit}"
    return f"the nearest revision is {best}, with {number_of(distance, 'difference')}"


def _states(ws: Workspace, conn: Connection, history: History) -> dict[tuple[str, ...], Fingerprint]:
    """The schema after each revision of the service, on a scratch database where the others are as applied here."""
    ws = needed_only(ws, history.service)
    histories = good_histories(ws.registry)
    standings = read_standings(conn, histories)
    others = {
        name: tuple(row for row in standings[name].applied if row in other.revisions) or other.heads
        for name, other in histories.items()
        if name != history.service
    }
    every = {name: other for name, other in histories.items() if name != history.service}
    if Turns.of(ws, histories).of_service(history.service, frozenset(history.revisions)):
        return _states_in_turn(ws, conn, history, every, others)
    states = {}
    with scratch(ws.address(), template=template(ws, "base"), label="stamp") as address, connect(address) as there:
        identity = there.identity()
        needed = all_needs(ws.registry, histories, history.service)
        first = {name: rows for name, rows in others.items() if name in needed}
        apply_histories(
            ws.registry, address, identity, to=first, live=ws.address(), options=UNRECORDED, bindir=ws.server.bindir()
        )
        at: tuple[str, ...] = ()
        states[at] = _ground(ws, conn, there, history, [history])
        with Session(ws.registry, history, address, identity, StepOptions(listen=ws.listen, journal=False)) as session:
            for revision in history.ordered():
                session.upgrade_one(revision.id)
                at = history.after(at, revision.id, up=True)
                states[at] = read(there)
    return states


def _ground(
    ws: Workspace, live: Connection, there: Connection, history: History, histories: Sequence[History]
) -> Fingerprint:
    """Lay what the histories stand on; return the schema before any revision, without it where the live one has not."""
    bare = None if is_laid(ws.registry, live, history) else read(there)
    lay_ground(ws.registry, there, histories, bindir=ws.server.bindir(), listen=ws.listen)
    return bare or read(there)


def _states_in_turn(
    ws: Workspace,
    conn: Connection,
    history: History,
    every: Mapping[str, History],
    applied: Mapping[str, tuple[str, ...]],
) -> dict[tuple[str, ...], Fingerprint]:
    """Build the states where its revisions rest on those of others and theirs on its own: in the order of an apply."""
    done = {name: other.ancestors(applied[name]) for name, other in every.items()}
    todo = [(other, tuple(r for r in other.ordered() if r.id in done[name])) for name, other in every.items()]
    states = {}
    with scratch(ws.address(), template=template(ws, "base"), label="stamp") as address, connect(address) as there:
        at: tuple[str, ...] = ()
        names = service_order(ws.registry, {**every, history.service: history})
        steps = sorted([*todo, (history, history.ordered())], key=lambda one: names.index(one[0].service))
        states[at] = _ground(ws, conn, there, history, [one for one, _ in steps])
        with Sessions(ws.registry, address, there.identity(), UNRECORDED, ws.address()) as sessions:
            for step in sessions.upgrade([one for one in steps if one[1]]):
                if step.service == history.service:
                    at = history.after(at, step.revision, up=True)
                    states[at] = read(there)
    return states


def _changes(owners: Owners, service: str, expected: Fingerprint, live: Fingerprint) -> tuple[Change, ...]:
    owned = {key for key, owner in owners.owners(expected, live).items() if owner == service}
    changes = diff(expected.only(owned.__contains__), live.only(owned.__contains__))
    changes = without_new_partitions(changes, expected, live)
    return tuple(c for c in changes if not c.is_remark and not owners.is_version_table(c))
