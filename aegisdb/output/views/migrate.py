"""Text views of the migrate tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Script, Styled, Table, Text, duration, table
from aegisdb.output.views import compat, journal, lint, verdict
from aegisdb.output.views import plan as rehearsal
from aegisdb.output.views import roundtrip as proofs
from aegisdb.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.output.blocks import Style

_STATES: dict[str, Style] = {"at head": "ok", "pending": "warn"}


def status(result: Any) -> Iterator[Block]:
    """Write one row for each service."""
    if result.database:
        yield Text("there is no database yet; invoke db.prepare makes it", "warn")
    if not result.services:
        yield Text("no service has a history")
        return
    rows = (
        [
            s.service,
            " ".join(s.applied) or "-",
            " ".join(s.head),
            "-" if s.state == "broken" else str(s.pending),  # its files cannot be read
            Styled(s.state, _STATES.get(s.state, "bad")),
        ]
        for s in result.services
    )
    yield table(["service", "applied", "head", "pending#", "state"], rows)
    for s in result.services:
        yield from _phases(s)
    for one in result.backfills:
        goes = "" if one.running else ", stopped: the next apply goes on there"
        yield Text(f"{one.service} {one.revision}: backfill of {one.text}{goes}", "ok" if one.running else "warn")
    yield from (Text(note, "warn") for note in result.notes)


def _phases(one: Any) -> Iterator[Text]:
    """Pending revisions by their phases."""
    if one.phases:
        named = ", ".join(f"{revision} {phase}" for revision, phase in one.phases.items())
        yield Text(f"{one.service}: pending phases: {named}", "dim")


def applied(result: Any) -> Iterator[Block]:
    """Show a row for each revision: done, failed, not started; then what waits for the end of old code."""
    yield from (Text(note, "warn") for note in result.notes)
    rows: list[list[Cell]] = []
    for service in result.services:
        rows += _outcomes(service, "pending" if result.planned else "not started", service.phases)
    if rows:
        yield _steps(rows)
    elif result.waiting:
        yield Text("nothing is pending before the contracts", "ok")
    elif not result.problems:
        yield Text("nothing is pending") if result.notes else Text("nothing is pending: every service is at head", "ok")
    elif result.at_head:
        yield Text(f"at head: {', '.join(result.at_head)}", "dim")
    yield from (Text(f"{one.service} {one.revision} waits: {one.why}", "warn") for one in result.waiting)


def _steps(rows: list[list[Cell]]) -> Table:
    """A row a revision; a plan has neither messages nor times."""
    columns = ["service", "revision", "message", "phase", "outcome", "time#"]
    full = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    return table([columns[number] for number in full], ([row[number] for number in full] for row in rows))


def _outcomes(one: Any, left: str, phases: Mapping[str, str]) -> list[list[Cell]]:
    """What became of one service's revisions; `left` is the word for those that were not reached."""
    rows = [_done(one.service, step, phases) for step in one.done]
    words = [(one.failed, Styled("failed", "bad"))] if one.failed else []
    words += [(revision, Styled(left, "dim")) for revision in one.not_started]
    return rows + [[one.service, revision, "", phases.get(revision, ""), word, ""] for revision, word in words]


def _done(service: str, step: Any, phases: Mapping[str, str]) -> list[Cell]:
    word = Styled("applied", "ok") if step.direction == "upgrade" else Styled("reverted", "warn")
    return [service, step.revision, step.message, phases.get(step.revision, ""), word, duration(step.seconds)]


def rolled_back(result: Any) -> Iterator[Block]:
    """Show what is lost, then what was done."""
    lines = _outcomes(result, "would be reverted" if result.planned else "not started", {})
    if not lines:
        yield Text(f"nothing to do: no applied revision of {result.service} is to be reverted", "ok")
        return
    if result.losses:
        rows = (
            [f"{loss.table}.{loss.column}" if loss.column else loss.table, f"{'' if loss.exact else '~'}{loss.rows}"]
            for loss in result.losses
        )
        yield table(["would lose" if result.planned else "lost", "rows#"], rows)
    else:
        yield Text("no table and no column is lost", "dim")
    yield _steps(lines)


def history(result: Any) -> Iterator[Block]:
    """A tree a service, newest first; * is where the database is."""
    if not result.reached:
        yield Text("the database cannot be reached: nothing is marked as applied", "warn")
    for service in result.services:
        yield Text(service.service, "heading")
        yield Text("\n".join(map(one_line, _tree(service))) or "  no revisions", verbatim=True)


def _tree(service: Any) -> Iterator[str]:
    yield from (f"  ? {revision}  in the database, in no file" for revision in service.unknown)
    for line in reversed(service.revisions):
        mark = "*" if line.current else "+" if line.applied else "."
        notes = [
            name for name, on in (("head", line.head), ("base", not line.down), ("merge", len(line.down) > 1)) if on
        ]
        notes += [*line.labels, *(f"needs {other}" for other in line.depends_on)]
        notes += ["one way"] if line.one_way else []
        shown = f" ({', '.join(notes)})" if notes else ""
        below = f" <- {', '.join(line.down)}" if line.down else ""
        yield f"  {mark} {line.revision}{below}  {line.message}{shown}"


def sql(result: Any) -> Iterator[Block]:
    """Print the script as it is."""
    yield Script(result.sql.rstrip("\n"))


def stamped(result: Any) -> Iterator[Block]:
    """Show the rows of the version table before and now."""
    would = "would be " if result.planned else ""
    yield Text(
        f"{result.service}: {would}{' '.join(result.before) or 'base'} -> {' '.join(result.now) or 'base'}", "ok"
    )


def resolved(result: Any) -> Iterator[Block]:
    """Say what was decided."""
    if not result.revision:
        yield Text(f"{result.service}: nothing is half-applied", "ok")
        return
    yield from (Text(f"ran: {statement}") for statement in result.fixed)
    counts = "would count" if result.planned else "counts"
    yield Text(f"{result.service}: {result.revision} {counts} as {result.decision}", "ok")
    yield Text(f"the version table says {' '.join(result.now) or 'base'}")


def new(result: Any) -> Iterator[Block]:
    """The file and what is in it, or why there is none."""
    if result.why:
        yield Text(result.why, "bad") if result.problems else Text(f"nothing to do: {result.why}", "ok")
        return
    if result.path or result.planned or not result.steps:
        yield Text(result.path or f"{result.service}: would write a revision", "name")
    yield from (Text(f"  {operation}") for operation in result.operations)
    yield from lint.steps(result.steps)
    yield from (Text(f"not in steps: {reason}", "warn") for reason in result.as_one)
    if result.untried:
        reason = one_line(result.untried.splitlines()[0])
        yield Text(f"the draft fails on a scratch database, so only what autogenerate sees is in it: {reason}", "bad")
    if result.test and not result.discarded:
        yield Text(f"{result.test}: rows to fill in", "name")
    if result.proven:
        yield Text("up, down and up again on a scratch database: clean, and the models agree", "ok")
    elif result.problems and not result.planned:
        kept = "removed again" if result.discarded else "kept, and pending: fix it, or remove it"
        yield Text(f"its own proof rejects the file; it is {kept}", "bad")
    for finding in result.lint:
        place = f"{finding.path}:{finding.line}" if result.steps else f"line {finding.line}"
        yield Text(f"lint: {place}: {finding.rule}: {finding.message} → {finding.fix}", "warn")
    in_steps = result.steps or result.as_one
    if not in_steps and any(finding.rule == "unsafe-ddl" for finding in result.lint):
        yield Text("invoke migrate.lint --fix writes in safe steps what can be, as --safe would have", "dim")


VIEWS = {
    "ApplyResult": applied,
    "HistoryResult": history,
    "NewRevisionResult": new,
    "ResolveResult": resolved,
    "RollbackResult": rolled_back,
    "SqlResult": sql,
    "StampResult": stamped,
    "StatusResult": status,
    **journal.VIEWS,
    **rehearsal.VIEWS,
    **proofs.VIEWS,
    **compat.VIEWS,
    **verdict.VIEWS,
    **lint.VIEWS,
}
