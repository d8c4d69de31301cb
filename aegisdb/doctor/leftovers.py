"""Findings about what other runs left: a held writer lock, scratch databases without a maker, kept clones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import DIFFERENT, NOTICE, Finding
from aegisdb.doctor.server import in_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient

_WORKING = """
SELECT pid, application_name, state, extract(epoch FROM clock_timestamp() - state_change)::int
  FROM pg_stat_activity
 WHERE (datname = %s OR pg_catalog.starts_with(datname, %s)) AND pg_catalog.starts_with(application_name, 'aegisdb')
   AND pid <> ALL (%s::int[]) AND application_name NOT LIKE %s
 ORDER BY pid
"""
_IDLE_SINCE = "SELECT extract(epoch FROM clock_timestamp() - state_change)::int FROM pg_stat_activity WHERE pid = %s"
_PATIENCE = 5  # seconds: a run that has just taken the lock has not opened its other sessions yet
_POLL = 0.1


def writer(patient: Patient) -> Iterator[Finding]:
    """The holder of the writer lock; wrong when the holder does nothing."""
    from aegisdb.postgres.lock_holder import holder

    found = holder(patient.ws.address(), patient.maintenance)
    if found is None:
        return
    mine = patient.conn.value("SELECT pg_backend_pid()") if patient.database else 0
    working = patient.maintenance.rows(
        _WORKING, (patient.name, f"{patient.name}__scratch_", [mine, found.pid], "%doctor%")
    )
    idle = patient.maintenance.value(_IDLE_SINCE, (found.pid,)) or 0
    if found.silent is None:
        dead = not working and idle > _PATIENCE
    else:  # a pool keeps idle sessions that bear our name, whoever has died
        dead = found.lost and all(state != "active" for _, _, state, _ in working)
    yield Finding(
        check="lock",
        subject=patient.name,
        what=f"the writer lock is held by {found}" + (", which does nothing" if dead and not found.lost else ""),
        evidence=tuple(f"pid {pid} {name}: {state} for {age} s" for pid, name, state, age in working)
        or (f"no session of aegisdb works in the database; the holder has been idle for {idle} s",),
        cause="its tool hangs or is gone, and the server or a pooler before it has not noticed"
        if dead
        else "a command that writes is running",
        command=in_shell(found.end) if dead else "wait for it",
        exit_code=DIFFERENT if dead else NOTICE,
    )


def orphans(patient: Patient) -> Iterator[Finding]:
    """Scratch databases whose maker is dead."""
    for name in _left(patient):
        yield Finding(
            check="orphan",
            subject=name,
            what=f"scratch database {name} belongs to no running command",
            evidence=("the lock that its maker holds while it lives is free",),
            # whatever makes the next scratch database drops it as well
            cause="the command that made it ended without dropping it",
            command="invoke doctor --fix",
            fix="drop it",
        )


def clones(patient: Patient) -> Iterator[Finding]:
    """Find clones that were made or kept and not dropped yet."""
    from aegisdb.building.clones import kept_clones

    for clone in kept_clones(patient.ws, patient.maintenance):
        yield Finding(
            check="clone",
            subject=clone.name,
            what=f"database {clone.name} is kept for {clone.made_for}",
            evidence=(f"made on {clone.made[:19].replace('T', ' ')} UTC by {clone.made_by}, {clone.bytes >> 20} MB",),
            cause="it has not been dropped yet",
            command=f"invoke db.clone --drop {clone.name}, or invoke db.cache --drop for all of them",
            exit_code=NOTICE,
        )


def _left(patient: Patient) -> tuple[str, ...]:
    """Names of orphans; a psql that a reset left behind to drop its old database has a moment to begin with it."""
    from aegisdb.building.spare import can_wait
    from aegisdb.postgres.scratch import orphans as orphans_of

    deadline = time.monotonic() + (_PATIENCE if can_wait(patient.ws) else 0)
    while (names := orphans_of(patient.maintenance, patient.name)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return names


def checkouts(patient: Patient) -> Iterator[Finding]:
    """Databases of worktrees that are gone."""
    there = {name for (name,) in patient.maintenance.rows("SELECT datname FROM pg_database")}
    for name, directory in patient.ws.server.checkouts.orphans().items():
        if name in there:
            yield Finding(
                check="checkout",
                subject=name,
                what=f"database {name} is that of a checkout that is gone",
                evidence=(f"there is no {directory}",),
                cause="the worktree was removed, and its database stays until it is dropped",
                command="invoke db.cache --drop",
                exit_code=NOTICE,
            )


def sweep(patient: Patient, finding: Finding) -> None:
    """Drop orphans; asks again whether they are some."""
    del finding
    from aegisdb.postgres.scratch import sweep as sweep_of

    sweep_of(patient.maintenance, patient.name)
