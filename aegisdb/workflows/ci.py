"""`ci`: every check of the suite in one run; each stage runs, whatever the ones before it found."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.background import in_telling_fork, may_fork
from aegisdb.errors import AegisError, Interrupted, Problem
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.masking import mask
from aegisdb.postgres.scratch import works_beside
from aegisdb.progress import Event
from aegisdb.proofs.memory import Proofs
from aegisdb.reporting import (
    Case,
    Mark,
    Stage,
    append_report,
    github_annotations,
    junit,
    markdown,
    sarif,
    write_report,
)
from aegisdb.reporting.marks import mark_of_problem
from aegisdb.results import Result
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.ci_stages import SEEDS, Found, stages_of
from aegisdb.workspace import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aegisdb.progress import Listener
    from aegisdb.workspace import Workspace

    Ran = tuple[Stage, tuple[Mark, ...]]
    Run = Callable[[Workspace], Ran]
    Runs = dict[str, Run]

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
    runs: Runs = {
        name: partial(_run, name=name, look=look, hide=hide) for name, look in stages_of(since, again=again).items()
    }
    with _seeds_beside(ws, runs, again=again) as runs:
        for name, run in runs.items():
            ws.listen(Event(step="ci", subject=name))
            stage, found = run(ws)
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


@contextmanager
def _seeds_beside(ws: Workspace, runs: Runs, *, again: bool) -> Iterator[Runs]:
    """Prove the seeds in a fork beside all other stages, where databases may be made beside other work.

    They take longest, and mostly wait: for processes of their own, and for the server. What is told keeps its order.
    """
    seeded = any(service.seeds for service in ws.registry.services.values())
    if not (seeded and works_beside(own=ws.server.own) and may_fork()):
        yield runs
        return
    if again or Proofs(ws.registry).empty:
        warm_process(ws.registry)  # one for both
    names = list(runs)
    later = {name: _Ahead(runs[name]) for name in names[names.index(SEEDS) + 1 :]}

    def prove(listen: Listener) -> Ran:
        client = client_of(ws.server)  # a fork can share no session
        try:
            return runs[SEEDS](replace(ws, listen=listen, client=client))
        finally:
            client.close()

    with in_telling_fork(prove) as result:

        def seeds(ws: Workspace) -> Ran:
            for one in later.values():
                one.run(ws)
            return result(ws.listen)

        yield {**runs, SEEDS: seeds, **later}


class _Ahead:
    """A stage that runs before its turn, and is told in its turn."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events: list[Event] = []
        self._ran: list[Ran] = []

    def run(self, ws: Workspace) -> None:
        """Run it, and tell nobody."""
        self._ran.append(self._run(replace(ws, listen=self._events.append)))

    def __call__(self, ws: Workspace) -> Ran:
        """Tell it."""
        for event in self._events:
            ws.listen(event)
        return self._ran.pop()


def _run(ws: Workspace, name: str, look: Callable[[Workspace], Found], hide: Callable[[str], str]) -> Ran:
    began = time.monotonic()
    try:
        found = look(ws)
    except Interrupted:
        raise
    except AegisError as error:
        before = error.result.problems if error.result is not None else ()
        problems = (*error.problems, *(problem for problem in before if problem not in error.problems))
        found = Found(summary=error.message.splitlines()[0], names={}, problems=problems)
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


def _cases(found: Found) -> tuple[Case, ...]:
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


def _write(ws: Workspace, stages: tuple[Stage, ...], marks: Iterable[Mark], directory: Path) -> tuple[str, ...]:
    summary = markdown(stages, ws.target)
    texts = {"junit.xml": junit(stages), "aegisdb.sarif": sarif(marks), "summary.md": summary}
    for name, text in texts.items():
        write_report(directory / name, text)
    if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append_report(Path(step_summary), summary)
    return tuple(str(directory / name) for name in texts)
