"""Findings about histories and version tables: half-applied, behind, changed, several heads, one table for two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.doctor.finding import DIRTY, Finding
from aegisdb.doctor.missing_revisions import cause_of, missing_parents
from aegisdb.doctor.server import in_shell
from aegisdb.errors import AegisError, Difference, HistoryError, MissingParent
from aegisdb.files import shown
from aegisdb.plain_text import number_of
from aegisdb.postgres.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Applied, Patient
    from aegisdb.errors import Problem
    from aegisdb.postgres.side_schema import InFlight
    from aegisdb.revisions.history import History

_SHOWN = 6


def half_applied(patient: Patient) -> Iterator[Finding]:
    """Revisions whose run died after something of them was committed."""
    from aegisdb.drift.half_applied import committed, named_invalid
    from aegisdb.postgres.side_schema import in_flight_rows

    for row in in_flight_rows(patient.conn):
        standing = patient.standings.get(row.service)
        if standing is not None and standing.state not in {"half-applied", "broken"}:
            continue  # it is running right now
        done = committed(patient.ws, patient.conn, row.service)
        history = patient.good.get(row.service)
        invalid = named_invalid(patient.conn, history, row.revision) if history else ()
        yield Finding(
            check="half_applied",
            subject=row.service,
            what=f"{row.service}: the {row.action} of {row.revision} died after something of it was committed",
            evidence=(
                f"in flight since {row.started:%Y-%m-%d %H:%M:%S}, by {row.os_user} on {row.host}",
                *(f"committed: {line}" for line in done[:_SHOWN] or ("nothing that the schema shows",)),
                *(f"INVALID: {index.name}; either decision settles it" for index in invalid),
            ),
            cause="it has an autocommit_block or commits by itself, and its run was killed or failed after that",
            command=standing.problem.hint.partition(": ")[2]
            if standing is not None and standing.repeatable and standing.problem is not None
            else _decision(patient, row, {f"index {index.name}" for index in invalid}),
            exit_code=DIRTY,
        )


def _decision(patient: Patient, row: InFlight, settled: set[str]) -> str:
    """The decision that is true of the schema, or what makes one true."""
    from aegisdb.drift.half_applied import judge, removal

    resolve = f"invoke migrate.resolve --service {row.service}"
    either = f"look at what it did, then {resolve} --applied or --rolled-back"
    history = patient.good.get(row.service)
    if history is None or row.revision not in history.revisions:
        return either
    try:
        judged = judge(patient.ws, patient.conn, history, row)
    except Difference:
        return either
    unlike_done = [change for change in judged.unlike_done if change.object not in settled]
    unlike_undone = [change for change in judged.unlike_undone if change.object not in settled]
    if not unlike_done and not unlike_undone:
        # the schema is the same before and after, or an INVALID index is all: rows are a person's to judge
        return f"{resolve} --rolled-back" if settled else either
    if not unlike_done or not unlike_undone:
        return f"{resolve} {'--rolled-back' if unlike_done else '--applied'}"
    undo = [removal(change) for change in unlike_undone]
    return f"{in_shell('; '.join(undo))} && {resolve} --rolled-back" if all(undo) else either


def broken(patient: Patient) -> Iterator[Finding]:
    """Histories that cannot be read."""
    for service, history in patient.histories.items():
        if not isinstance(history, HistoryError):
            continue
        gone = missing_parents(patient, service) if isinstance(history, MissingParent) else ()
        cause, command = cause_of(gone) if gone else ("", "")
        yield Finding(
            check="broken_history",
            subject=service,
            what=history.message,
            evidence=tuple(f"{one.revision.id}: {one.place}" for one in gone) or tuple(filter(None, [history.where])),
            cause=cause or "a revision file is missing, exists twice, or is not Python",
            command=command or history.hint or f"correct {history.where}",
        )


def several_heads(patient: Patient) -> Iterator[Finding]:
    """Two files that both revise the same one."""
    from aegisdb.applied.status import several_heads as of_history

    for service, history in patient.good.items():
        problem = of_history(history)
        if problem is not None:
            yield Finding(
                check="several_heads",
                subject=service,
                what=problem.message,
                evidence=tuple(problem.where.split(", ")),
                cause="two branches each added a revision on the same parent, and were merged",
                command=problem.hint,
            )


def behind(patient: Patient) -> Iterator[Finding]:
    """Revisions that are not applied, where nothing else is in the way."""
    for service, standing in patient.standings.items():
        if standing.state != "pending" or fitting_stamp(patient, service):
            continue
        shown = [f"{r.id} {r.message}" for r in standing.pending]
        more = [f"and {len(shown) - _SHOWN} more"] * (len(shown) > _SHOWN)
        yield Finding(
            check="behind",
            subject=service,
            what=f"{service}: {number_of(len(standing.pending), 'revision is', 'revisions are')} not applied"
            f" (plain alembic: Target database is not up to date)",
            evidence=(f"the database is at {' '.join(standing.applied) or 'nothing'}", *shown[:_SHOWN], *more),
            cause="they came with a checkout or a merge, or were just written",
            command=f"invoke migrate.apply --service {service}",
        )


def exists_already(patient: Patient) -> Iterator[Finding]:
    """Services whose pending revisions' objects are there: made by init SQL or by hand, before Alembic knew."""
    waiting = any(standing.state in {"pending", "version rows"} for standing in patient.standings.values())
    if waiting and patient.incomparable:
        raise patient.incomparable
    for service in patient.good:
        standing = patient.standings[service]
        revision = fitting_stamp(patient, service)
        if not revision:
            if standing.state == "version rows" and standing.problem is not None:
                yield _version_rows(standing.problem, service)
            continue
        yield Finding(
            check="exists_already",
            subject=service,
            what=f"{service}: the schema has what {revision} builds, but the version table says"
            f" {' '.join(standing.applied) or 'nothing'} (plain alembic: relation already exists)",
            evidence=(
                f"the service's objects are exactly those of {revision}",
                *([standing.problem.message] if standing.problem else []),
            ),
            cause="made by init SQL, a dump or another tool before Alembic, or the version table was lost",
            command=f"invoke migrate.stamp --service {service} --revision {revision}",
            # rows that contradict the journal are a person's to judge
            fix=f"stamp {revision}" if standing.state == "pending" else "",
        )


def _version_rows(problem: Problem, service: str) -> Finding:
    return Finding(
        check="version_rows",
        subject=service,
        what=problem.message,
        evidence=("no revision builds this schema",),
        cause="rows of the version table were deleted or written by hand, or restored without the rest",
        command=problem.hint,
    )


def fitting_stamp(patient: Patient, service: str) -> str:
    """The revision that the live schema is equal to, above the applied ones; empty when it is where it says.

    Where the rows of the version table contradict each other or the journal, any revision counts.
    """
    standing = patient.standings[service]
    if standing.state not in {"pending", "version rows"} or standing.history is None or patient.database is None:
        return ""
    found = patient.fits(service)
    if isinstance(found, AegisError):
        return ""
    equal = [at for at, changes in found.items() if at and not changes]
    if standing.state == "pending":
        if not found.get(_key(standing.applied), ("unknown",)):
            return ""
        equal = [at for at in equal if _is_above(standing.history, at, standing.applied)]
    return " ".join(equal[-1]) if equal else ""


def _key(applied: Applied) -> Applied:
    return tuple(sorted(applied))


def _is_above(history: History, at: Applied, applied: Applied) -> bool:
    return history.ancestors(at) > history.ancestors(applied)


def stamp(patient: Patient, finding: Finding) -> None:
    """Stamp; the comparison is made again under the lock."""
    from aegisdb.workflows.migrate.stamp import stamp as stamp_to

    stamp_to(patient.ws, finding.subject, finding.fix.removeprefix("stamp "))


def does_not_build(patient: Patient) -> Iterator[Finding]:
    """Histories that fail on a new database, so that nothing can be compared with them."""
    pending = [name for name, standing in patient.standings.items() if standing.state == "pending"]
    found = {} if patient.incomparable else {name: patient.fits(name) for name in pending}
    for service, error in {**found, **patient.built.errors}.items():
        # an env.py that does not run at all is a finding of its own
        if isinstance(error, AegisError) and not isinstance(error, HistoryError) and not _is_told(patient, service):
            yield Finding(
                check="does_not_build",
                subject=service,
                what=error.message.splitlines()[0],
                evidence=(error.where,) if error.where else (),
                cause="the history does not run on a new database with the base schema",
                command=f"invoke migrate.roundtrip --service {service}",
            )


def _is_told(patient: Patient, service: str) -> bool:
    told = patient.described.get(service)
    return isinstance(told, AegisError) and not isinstance(told, HistoryError)


def tampered(patient: Patient) -> Iterator[Finding]:
    """Applied revisions whose code is not what ran."""
    from aegisdb.drift.tampering import tampered as changed_files

    for service, revisions in changed_files(patient.conn, patient.standings.values()).items():
        order = patient.standings[service].out_of_order
        for revision in revisions:
            if order is not None and revision in order.moved:
                continue  # told as never_ran
            file = patient.good[service].revisions[revision].path
            path = relative(patient, str(file))
            back = f"invoke migrate.log --service {service} --show {revision} --output {path}"
            yield Finding(
                check="tampered",
                subject=f"{service} {revision}",
                what=f"{service}: the code of {revision} is not what was applied",
                evidence=(f"{path} has another digest than the journal's row; comments and formatting do not count",),
                cause="an applied revision was edited; other databases have or will get something else",
                command=f"mv {path} {path}.edited && {back}",
            )


def never_ran(patient: Patient) -> Iterator[Finding]:
    """Revisions that were put below applied ones and never ran here."""
    for service, standing in patient.standings.items():
        if standing.state != "never ran" or standing.problem is None or standing.out_of_order is None:
            continue
        moved = standing.out_of_order.moved
        yield Finding(
            check="never_ran",
            subject=service,
            what=standing.problem.message,
            evidence=tuple(
                f"the journal's text of {one} revises {', '.join(was) or 'nothing'}" for one, was in moved.items()
            ),
            cause="a rebase or cherry-pick changed the order after the upper one was applied here",
            command=standing.problem.hint,
        )


def shared_table(patient: Patient) -> Iterator[Finding]:
    """Version tables with rows of a service that they do not belong to."""
    from aegisdb.applied.version_tables import read_versions

    rows = read_versions(patient.conn, patient.good.values())
    for service, applied in rows.items():
        own = patient.good[service].revisions
        for revision in applied:
            others = [name for name, h in patient.good.items() if revision in h.revisions and name != service]
            if revision in own or not others:
                continue
            table = patient.good[service].version_table
            remove = f"DELETE FROM {quote_ident(table)} WHERE version_num = {quote_literal(revision)}"  # noqa: S608  quoted
            yield Finding(
                check="shared_version_table",
                subject=f"{service} {revision}",
                what=f"{table} of {service} has the row {revision}, which is a revision of {others[0]}",
                evidence=(f"{table}: {', '.join(applied)}",),
                cause=f"env.py of {others[0]} or a plain alembic command wrote into the version table of {service}:"
                " both use one name",
                command=in_shell(remove),
            )


def relative(patient: Patient, path: str) -> str:
    """A path as it is typed in the directory of services.yaml, quoted."""
    import shlex
    from pathlib import Path

    return shlex.quote(shown(Path(path), patient.ws.registry.root))
