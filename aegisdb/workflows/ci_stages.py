"""The stages of `ci`: what each looks at, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.applied.status import several_heads
from aegisdb.errors import HistoryError, Problem
from aegisdb.plain_text import some_of
from aegisdb.reporting import marks_of
from aegisdb.revisions.load import read_histories

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized

    from aegisdb.reporting import Mark
    from aegisdb.workspace import Workspace

SEEDS = "seed.prove"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The outcome of a stage, before it is told."""

    summary: str
    names: Mapping[str, float | None]
    """What it looked at, with seconds where these were measured."""
    problems: tuple[Problem, ...]
    marks: tuple[Mark, ...] | None = None
    """Places in files, where the stage knows them better than its problems do."""


def stages_of(since: str, *, again: bool) -> dict[str, Callable[[Workspace], Found]]:
    """Each stage by its name, in the order in which they are told."""
    return {
        "lint": lambda ws: _lint(ws, since),
        "heads": _heads,
        "roundtrip": lambda ws: _roundtrip(ws, since, again=again),
        "compat": lambda ws: _compat(ws, since),
        "verify": _verify,
        SEEDS: lambda ws: _seeds(ws, again=again),
        "deploy.prove": lambda ws: _deploy(ws, again=again),
    }


def _lint(ws: Workspace, since: str) -> Found:
    from aegisdb.lint import rules
    from aegisdb.workflows.migrate.lint import lint

    result = lint(ws, since=since, ask_target=True)
    problems = tuple(
        Problem(code="lint", message=f"{f.rule}: {f.message}", where=f.where, hint=f.fix) for f in result.findings
    )
    summary = "; ".join((f"{_counted(range(result.revisions), 'revision')}: {result.scope}", *result.notes))
    return Found(summary=summary, names=dict.fromkeys(rules()), problems=problems, marks=marks_of(result.findings))


def _counted(things: Sized, one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def _heads(ws: Workspace) -> Found:
    problems: list[Problem] = []
    histories = read_histories(ws.registry)
    for history in histories.values():
        if isinstance(history, HistoryError):
            problems += history.problems
        elif problem := several_heads(history):
            problems.append(problem)
    return Found(
        summary=_counted(histories, "history", "histories"),
        names=dict.fromkeys(histories),
        problems=tuple(problems),
    )


def _roundtrip(ws: Workspace, since: str, *, again: bool) -> Found:
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
    return Found(summary=f"{_counted(names, 'revision')}: {scope}{told}", names=names, problems=result.problems)


def _before(made: str, which: str = "") -> str:
    """What was not proven again, and why; of several, since when at least."""
    return f"; {which}proven before ({made}), not run again"


def _compat(ws: Workspace, since: str) -> Found:
    from aegisdb.lint.changed_files import merge_base
    from aegisdb.workflows.migrate.compat import NoOldCode, OldCodeBroken, compat

    against = (merge_base(ws.registry.root, since) or since) if since else ""
    try:
        result = compat(ws, against=against)
    except OldCodeBroken as error:
        hint = "invoke ci --since REF takes the code of another commit"
        return Found(summary=error.message, names={}, problems=error.amended(hint=hint).problems)
    except NoOldCode as error:
        return Found(summary=error.message, names={}, problems=())  # as where git has no history
    if not result.revisions:
        return Found(summary=f"no revision is new against {result.against}", names={}, problems=())
    untold = [f"{one.service}: {one.error}" for one in result.services if one.error]
    undecided = sum(len(one.unsettled) for one in result.services) + len(result.raw_sql)
    told = f"{_counted(result.services, 'service')} at {result.against}; {undecided} not decided (migrate.compat)"
    names = dict.fromkeys(one.service for one in result.services if not one.error)
    return Found(summary="; ".join([told, *untold]), names=names, problems=result.problems)


def _verify(ws: Workspace) -> Found:
    from aegisdb.workflows.migrate.verify import verify

    result = verify(ws)
    names = dict.fromkeys(service.service for service in result.services)
    without = result.without_models
    untold = f"; no models to compare: {some_of(without)}" if without else ""
    return Found(
        summary=f"{_counted(names, 'service')} against {ws.target}{untold}",
        names={**names, "database": None},
        problems=result.problems,
    )


def _seeds(ws: Workspace, *, again: bool) -> Found:
    from aegisdb.workflows.seed.prove import seed_prove

    if not any(service.seeds for service in ws.registry.services.values()):
        return Found(summary="no service has seeds", names={}, problems=())
    result = seed_prove(ws, again=again)
    names = {f"{seed.service}: {seed.seed}": seed.seconds for seed in result.seeds} | dict.fromkeys(result.unchanged)
    told = _before(result.before) if result.before else ", each run twice"
    return Found(summary=f"{_counted(names, 'seed')}{told}", names=names, problems=result.problems)


def _deploy(ws: Workspace, *, again: bool) -> Found:
    from aegisdb.workflows.deploy.prove import deploy_prove

    if not ws.registry.file.database.deploy:
        return Found(summary="there are no deploy files", names={}, problems=())
    result = deploy_prove(ws, again=again)
    names = {file.file: file.seconds for file in result.files} | dict.fromkeys(result.unchanged)
    told = _before(result.before) if result.before else ", each run twice"
    return Found(summary=f"{_counted(names, 'file')}{told}", names=names, problems=result.problems)
