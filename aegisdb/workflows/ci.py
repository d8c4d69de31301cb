"""`ci`: every check of the suite in one run; each stage runs, whatever the ones before it found."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.applied.status import several_heads
from aegisdb.errors import AegisError, HistoryError, Interrupted, Problem
from aegisdb.plain_text import some_of
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.masking import mask
from aegisdb.progress import Event
from aegisdb.reporting import (
    Case,
    Mark,
    Stage,
    append_report,
    github_annotations,
    junit,
    markdown,
    marks_of,
    sarif,
    write_report,
)
from aegisdb.reporting.marks import mark_of_problem
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sized

    from aegisdb.workspace import Workspace

_GRAVEST_FIRST = (5, 1, 3, 7, 4, 2, 6)
"""Exit codes in the order in which they decide about the whole run."""


@dataclass(frozen=True, kw_only=True)
class CiResult(Result):
    """The stages of a run, and the reports that were written."""

    stages: tuple[Stage, ...]
    reports: tuple[str, ...]
    annotations: tuple[str, ...]
    """GitHub's workflow commands, under GitHub Actions."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The outcome of a stage, before it is told."""

    summary: str
    names: Mapping[str, float | None]
    """What it looked at, with seconds where these were measured."""
    problems: tuple[Problem, ...]
    marks: tuple[Mark, ...] | None = None
    """Places in files, where the stage knows them better than its problems do."""


def ci(ws: Workspace, *, since: str = "", output: str = "", again: bool = False) -> CiResult:
    """Run lint, heads, roundtrip, compat, verify, seed.prove and deploy.prove; write JUnit XML, SARIF and a summary.

    The live database is only read. The exit code is that of the gravest problem. What was proven here before, on all
    the same, is not proven again, and the summary of the stage says so.

    Args:
        ws: the open workspace.
        since: commit or branch that tells which revisions are new; the default branch otherwise.
        output: directory of the reports; `.aegisdb/ci` otherwise.
        again: prove all anew.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the other stages are not started.
    """
    began = time.monotonic()
    stages: list[Stage] = []
    marks: list[Mark] = []
    hide = _hider(ws)
    for name, look in _stages(since, again=again).items():
        ws.listen(Event(step="ci", subject=name))
        stage, found = _run(ws, name, look, hide)
        ws.listen(Event(step="ci", subject=name, note=stage.state, seconds=stage.seconds))
        stages.append(stage)
        marks += found
    done = tuple(stages)
    return CiResult(
        stages=done,
        reports=_write(ws, done, marks, Path(output) if output else ws.registry.state / "ci"),
        annotations=github_annotations(marks) if os.environ.get("GITHUB_ACTIONS") == "true" else (),
        seconds=time.monotonic() - began,
        # several stages stumble over the same file; it is told once
        problems=tuple(sorted(dict.fromkeys(p for stage in done for p in stage.problems), key=_gravity)),
    )


def _stages(since: str, *, again: bool) -> dict[str, Callable[[Workspace], _Found]]:
    return {
        "lint": lambda ws: _lint(ws, since),
        "heads": _heads,
        "roundtrip": lambda ws: _roundtrip(ws, since, again=again),
        "compat": lambda ws: _compat(ws, since),
        "verify": _verify,
        "seed.prove": lambda ws: _seeds(ws, again=again),
        "deploy.prove": lambda ws: _deploy(ws, again=again),
    }


def _run(
    ws: Workspace, name: str, look: Callable[[Workspace], _Found], hide: Callable[[str], str]
) -> tuple[Stage, tuple[Mark, ...]]:
    began = time.monotonic()
    try:
        found = look(ws)
    except Interrupted:
        raise
    except AegisError as error:
        before = error.result.problems if error.result is not None else ()
        problems = (*error.problems, *(problem for problem in before if problem not in error.problems))
        found = _Found(summary=error.message.splitlines()[0], names={}, problems=problems)
    problems = tuple(_hidden(problem, hide) for problem in found.problems)
    found = replace(found, summary=hide(found.summary), problems=problems)
    stage = Stage(
        name=name,
        state="failed" if found.problems else "ok" if found.names else "skipped",
        summary=found.summary,
        cases=_cases(found),
        problems=found.problems,
        seconds=time.monotonic() - began,
    )
    own = tuple(mark_of_problem(problem, ws.registry.root) for problem in found.problems)
    return stage, own if found.marks is None else found.marks


def _hider(ws: Workspace) -> Callable[[str], str]:
    """Takes passwords out of what goes into files; what is printed passes the output's own mask."""
    try:
        address = ws.address()
    except AegisError:
        database = ws.registry.file.database
        address = Address("localhost", 5432, database.user, Secret(database.password), database.name)
    return lambda text: mask(text, address)


def _hidden(problem: Problem, hide: Callable[[str], str]) -> Problem:
    return replace(problem, message=hide(problem.message), hint=hide(problem.hint), where=hide(problem.where))


def _cases(found: _Found) -> tuple[Case, ...]:
    """One case for each thing looked at; a problem belongs to the one that its message names first."""
    said: dict[str, list[str]] = defaultdict(list)
    for problem in found.problems:
        named = [name for name in found.names if name in problem.message]
        said[max(named, key=len, default=problem.code)].append(f"{problem.where} {problem.message}".strip())
    names = {**found.names, **dict.fromkeys(name for name in said if name not in found.names)}
    return tuple(Case(name=name, problems=tuple(said[name]), seconds=seconds) for name, seconds in names.items())


def _gravity(problem: Problem) -> int:
    code = problem.exit_code
    return _GRAVEST_FIRST.index(code) if code in _GRAVEST_FIRST else -1


def _lint(ws: Workspace, since: str) -> _Found:
    from aegisdb.lint import rules
    from aegisdb.workflows.migrate.lint import lint

    result = lint(ws, since=since, ask_target=True)
    problems = tuple(
        Problem(code="lint", message=f"{f.rule}: {f.message}", where=f.where, hint=f.fix) for f in result.findings
    )
    summary = "; ".join((f"{_counted(range(result.revisions), 'revision')}: {result.scope}", *result.notes))
    return _Found(summary=summary, names=dict.fromkeys(rules()), problems=problems, marks=marks_of(result.findings))


def _counted(things: Sized, one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _heads(ws: Workspace) -> _Found:
    problems: list[Problem] = []
    histories = read_histories(ws.registry)
    for history in histories.values():
        if isinstance(history, HistoryError):
            problems += history.problems
        elif problem := several_heads(history):
            problems.append(problem)
    return _Found(
        summary=_counted(histories, "history", "histories"),
        names=dict.fromkeys(histories),
        problems=tuple(problems),
    )


def _roundtrip(ws: Workspace, since: str, *, again: bool) -> _Found:
    from aegisdb.workflows.migrate.lint import new_revisions
    from aegisdb.workflows.migrate.roundtrip import roundtrip

    new = new_revisions(ws, since=since)
    result = roundtrip(ws, only=new, again=again) if new else roundtrip(ws, last=1, again=again)
    proofs = [proof for service in result.services for proof in service.revisions]
    names: dict[str, float | None] = {f"{p.service} {p.revision}": p.up_seconds + p.down_seconds for p in proofs}
    before = {f"{one.service} {one.revision}": one.made for one in result.before}
    names |= dict.fromkeys(before)
    scope = result.scope if new else "no revision is new: the last one of each service"
    told = _before(min(before.values()), "" if len(before) == len(names) else f"{len(before)} ") if before else ""
    return _Found(summary=f"{_counted(names, 'revision')}: {scope}{told}", names=names, problems=result.problems)


def _before(made: str, which: str = "") -> str:
    """What was not proven again, and why; of several, since when at least."""
    return f"; {which}proven before ({made}), not run again"


def _compat(ws: Workspace, since: str) -> _Found:
    from aegisdb.lint.changed_files import merge_base
    from aegisdb.workflows.migrate.compat import NoOldCode, OldCodeBroken, compat

    against = (merge_base(ws.registry.root, since) or since) if since else ""
    try:
        result = compat(ws, against=against)
    except OldCodeBroken as error:
        hint = "invoke ci --since REF takes the code of another commit"
        return _Found(summary=error.message, names={}, problems=error.amended(hint=hint).problems)
    except NoOldCode as error:
        return _Found(summary=error.message, names={}, problems=())  # as where git has no history
    if not result.revisions:
        return _Found(summary=f"no revision is new against {result.against}", names={}, problems=())
    untold = [f"{one.service}: {one.error}" for one in result.services if one.error]
    undecided = sum(len(one.unsettled) for one in result.services) + len(result.raw_sql)
    told = f"{_counted(result.services, 'service')} at {result.against}; {undecided} not decided (migrate.compat)"
    names = dict.fromkeys(one.service for one in result.services if not one.error)
    return _Found(summary="; ".join([told, *untold]), names=names, problems=result.problems)


def _verify(ws: Workspace) -> _Found:
    from aegisdb.workflows.migrate.verify import verify

    result = verify(ws)
    names = dict.fromkeys(service.service for service in result.services)
    without = result.without_models
    untold = f"; no models to compare: {some_of(without)}" if without else ""
    return _Found(
        summary=f"{_counted(names, 'service')} against {ws.target}{untold}",
        names={**names, "database": None},
        problems=result.problems,
    )


def _seeds(ws: Workspace, *, again: bool) -> _Found:
    from aegisdb.workflows.seed.prove import seed_prove

    if not any(service.seeds for service in ws.registry.services.values()):
        return _Found(summary="no service has seeds", names={}, problems=())
    result = seed_prove(ws, again=again)
    names = {f"{seed.service}: {seed.seed}": seed.seconds for seed in result.seeds} | dict.fromkeys(result.unchanged)
    told = _before(result.before) if result.before else ", each run twice"
    return _Found(summary=f"{_counted(names, 'seed')}{told}", names=names, problems=result.problems)


def _deploy(ws: Workspace, *, again: bool) -> _Found:
    from aegisdb.workflows.deploy.prove import deploy_prove

    if not ws.registry.file.database.deploy:
        return _Found(summary="there are no deploy files", names={}, problems=())
    result = deploy_prove(ws, again=again)
    names = {file.file: file.seconds for file in result.files} | dict.fromkeys(result.unchanged)
    told = _before(result.before) if result.before else ", each run twice"
    return _Found(summary=f"{_counted(names, 'file')}{told}", names=names, problems=result.problems)


def _write(ws: Workspace, stages: tuple[Stage, ...], marks: Iterable[Mark], directory: Path) -> tuple[str, ...]:
    summary = markdown(stages, ws.target)
    texts = {"junit.xml": junit(stages), "aegisdb.sarif": sarif(marks), "summary.md": summary}
    for name, text in texts.items():
        write_report(directory / name, text)
    if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append_report(Path(step_summary), summary)
    return tuple(str(directory / name) for name in texts)
