"""`migrate.lint`: conventions and unsafe DDL of revisions, read from their files; nothing of them is run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.engines.choice import require_engine
from aegisdb.errors import AegisError, HistoryError, Interrupted, Problem, UsageError
from aegisdb.lint import Context, Finding, check
from aegisdb.lint.changed_files import Changes, changes
from aegisdb.lint.squawk import squawk
from aegisdb.plain_text import number_of
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories, read_history
from aegisdb.revisions.locate import alembic_settings
from aegisdb.shards import Shard
from aegisdb.workflows.migrate.lint_parts import Looking, directories, look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.forms.in_steps import Fixed
    from aegisdb.lint.packed import Findings
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class LintResult(Result):
    """Every finding, and what was looked at."""

    findings: Findings
    revisions: int
    """How many files the rules looked into."""
    scope: str
    """The revisions that were looked at, and why these, in words."""
    shard: str = ""
    """The part of the services that was looked at; empty for all."""
    ignored: int
    """Findings that a comment with a reason hides."""
    notes: tuple[str, ...]
    """What could not be looked at."""
    annotations: tuple[str, ...] = ()
    """GitHub's workflow commands, where they were asked for."""
    report: str = ""
    """File that was written."""
    seconds: float
    fixed: tuple[Fixed, ...] = ()
    """Revisions that `--fix` wrote again, or left."""


def lint(  # noqa: PLR0913  choices of their own, all by keyword
    ws: Workspace,
    *,
    service: str = "",
    all: bool = False,  # noqa: A002  the documented flag
    since: str = "",
    report: str = "",
    output: str = "",
    ask_target: bool = False,
    shard: str = "",
    engine: str = "",
) -> LintResult:
    """Judge revisions that are new or changed against the default branch, or every one; exit 6 on a finding.

    No server is contacted. With `ask_target` the target is asked, where it answers, what of it was applied.

    Args:
        ws: the open workspace.
        service: only this one.
        all: every revision.
        since: a commit or branch to compare with instead of the default branch.
        report: "sarif" writes a file, "github" adds annotations.
        output: where that file goes.
        shard: only the services of this part.
        engine: its workers judge them, in place of this process.
        ask_target: also look for revisions whose files were changed after they were applied there.

    Raises:
        UsageError: flags that exclude each other, or a commit that git does not know. Failed: squawk failed.
    """
    if all and since:
        raise UsageError("--all and --since exclude each other")
    if output and report != "sarif":
        raise UsageError("--output needs --report sarif")
    require_engine(engine)
    found = _linted(ws, service, since, shard, engine, every=all, ask_target=ask_target)
    return _reported(ws, found, report, output)


def _linted(
    ws: Workspace, service: str, since: str, shard: str, engine: str, *, every: bool, ask_target: bool
) -> LintResult:
    began = time.monotonic()
    if service:
        alembic_settings(ws.registry, service)
    mine = Shard.parse(shard)
    histories = {n: h for n, h in read_histories(ws.registry).items() if service in {"", n} and mine.has(n)}
    changed = changes(ws.registry.root, directories(ws.registry, histories), since=since)
    looking = Looking(changed, _tampered(ws, histories) if ask_target else frozenset(), every)
    if engine:
        from aegisdb.workflows.migrate.lint_elsewhere import lint_elsewhere

        found = lint_elsewhere(ws, histories, looking, engine)
    else:
        found = look(ws.registry, histories, looking)
    return LintResult(
        findings=found.findings,
        revisions=found.revisions,
        scope=_scope(changed, every=every),
        shard=shard,
        ignored=found.ignored,
        notes=found.notes,
        seconds=time.monotonic() - began,
        problems=_problems(found.findings),
    )


def lint_one(ws: Workspace, service: str, revision: str) -> tuple[Finding, ...]:
    """Findings about one revision, with those about whole histories left out; git and the database are not asked.

    Raises:
        HistoryError: the history cannot be read. Failed: squawk failed.
    """
    history = read_history(ws.registry, service)
    context = Context(registry=ws.registry, histories={service: history})
    chosen = [(service, history.revisions[revision])]
    unsafe, _ = squawk(context, chosen)
    return check(context, chosen, unsafe).findings


def _scope(changed: Changes, *, every: bool) -> str:
    """Why these, in words."""
    if every:
        return "every revision"
    if not changed.base:
        return f"every revision: compared with {changed.against}"
    return f"what is new or changed against {changed.against}"


def new_revisions(ws: Workspace, *, since: str = "") -> dict[str, frozenset[str]]:
    """By service, ids of revisions whose files are new or changed; empty where there are none, or git cannot tell."""
    histories = read_histories(ws.registry)
    changed = changes(ws.registry.root, directories(ws.registry, histories), since=since)
    if not changed.base:
        return {}
    good = {name: history for name, history in histories.items() if not isinstance(history, HistoryError)}
    looking = Looking(changed, frozenset(), every=False)
    chosen = {name: looking.chosen(history) for name, history in good.items()}
    return {name: frozenset(one.id for one in revisions) for name, revisions in chosen.items() if revisions}


def _tampered(ws: Workspace, histories: Mapping[str, History | HistoryError]) -> frozenset[tuple[str, str]]:
    """What the target's journal says was applied with another text; nothing where no database answers."""
    from aegisdb.applied.status import read_standings
    from aegisdb.drift.tampering import tampered

    try:
        with ws.connect() as conn:
            found = tampered(conn, read_standings(conn, histories).values())
    except Interrupted:
        raise
    except AegisError:
        return frozenset()  # it does not answer: the rest is judged all the same
    return frozenset((service, revision) for service, revisions in found.items() for revision in revisions)


def _problems(findings: Findings) -> tuple[Problem, ...]:
    if not findings:
        return ()
    one = findings[0]
    if len(findings) == 1:
        return (Problem(code="lint", message=f"{one.rule}: {one.message}", hint=one.fix, where=one.where),)
    counted = ", ".join(f"{rule} {count}" for rule, count in findings.rules.most_common())
    files = findings.files
    return (
        Problem(
            code="lint",
            message=f"{number_of(len(findings), 'finding')} in {number_of(files, 'file')}: {counted}",
            hint=f"`aegisdb explain {one.rule}`, and the same for each rule",
            where=one.where,
        ),
    )


def _reported(ws: Workspace, result: LintResult, report: str, output: str) -> LintResult:
    from aegisdb.reporting import github_annotations, marks_of, sarif, write_report

    if report == "github":
        return replace(result, annotations=github_annotations(marks_of(result.findings)))
    if report == "sarif":
        path = Path(output) if output else ws.registry.state / "lint.sarif"
        write_report(path, sarif(marks_of(result.findings)))
        return replace(result, report=str(path))
    return result
