"""What `migrate.apply` looks at before the first revision runs: the files, the journal, the schema underneath.

On a disposable database it warns and goes on; on any other it refuses, unless the person accepts what is found by its
code. The target's key `gate` says which checks are made. What deployed code needs stops a contract on any database.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb import safety
from aegisdb.errors import Problem, Refused, UsageError
from aegisdb.progress import on_a_copy
from aegisdb.workflows.migrate import contracts
from aegisdb.workflows.migrate.pending import plan_apply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aegisdb.applied.status import Standing
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.sequence import Steps
    from aegisdb.workflows.migrate.pending import ApplyPlan
    from aegisdb.workspace import Workspace

RULES = ("foreign-object", "missing-downgrade")
"""Lint rules that the check `lint` asks: about what an apply may break or cannot take back."""
CODES = (*RULES, "tampered", "drift", "roundtrip", "plan", contracts.CODE)
_USUAL = ("lint", "tamper")
_ANYWHERE = (contracts.CODE,)
_MOST = 64  # revisions that are read for a mere warning
_SHOWN = 5


def accepted(text: str) -> frozenset[str]:
    """The codes of `--accept`, which are separated by commas.

    Raises:
        UsageError: one is no code.
    """
    codes = frozenset(part.strip() for part in text.split(",") if part.strip())
    if wrong := sorted(codes - set(CODES)):
        raise UsageError(f"--accept {wrong[0]}: there is no such code", hint=f"one of {', '.join(CODES)}")
    return codes


def gate(
    ws: Workspace, conn: Connection, plan: ApplyPlan, accept: frozenset[str], rehearsed: Sequence[Problem]
) -> tuple[str, ...]:
    """What a person should know of these steps, as warnings; `rehearsed` is what the trials found (`rehearsed`).

    Raises:
        Refused: `gate`: something is not accepted, and the database is not disposable.
    """
    found, refused = _judged(ws, conn, plan, accept, rehearsed)
    if not refused:
        return tuple(map(_line, found))
    lines = [f"{problem.code}: {problem.where}: {problem.message}" for problem in refused]
    codes = list(dict.fromkeys(problem.code for problem in refused))
    more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    raise Refused(
        f"nothing was applied: {lines[0]}" + "".join(f"\n  {line}" for line in lines[1:_SHOWN]) + more,
        hint=f"{refused[0].hint}, or invoke migrate.apply --accept {','.join(codes)}",
        code="gate",
    )


def rehearsed(ws: Workspace, plan: ApplyPlan) -> tuple[Problem, ...]:
    """What has to be tried on copies: whether deployed code needs what contracts take away, and the check `plan`.

    Nobody of ours is on the database meanwhile.
    """
    ws = replace(ws, listen=on_a_copy(ws.listen))
    found = list(contracts.needed(ws, plan))
    if "plan" in (ws.registry.target(ws.target).gate or ()):
        from aegisdb.workflows.migrate.gate_rehearsal import findings

        found += findings(ws, plan)
    return tuple(found)


def foretell(ws: Workspace, plan: ApplyPlan, accept: frozenset[str]) -> tuple[str, ...]:
    """Find what the gate would say of this plan; nothing is refused."""
    found, refused = _foreseen(ws, plan, accept)
    codes = ",".join(dict.fromkeys(problem.code for problem in refused))
    stop = (f"the gate would apply nothing without --accept {codes}",) if refused else ()
    return (*map(_line, found), *stop)


def stopping(ws: Workspace, accept: frozenset[str], phase: str) -> tuple[Problem, ...]:
    """What would stop an apply of what is pending, all of it or up to the contracts; nothing is refused here."""
    with ws.short_session() as conn, conn.looking():
        plan = plan_apply(ws, conn, "", "", phase)
    return tuple(_foreseen(ws, plan, accept)[1]) if plan.todo else ()


def _foreseen(ws: Workspace, plan: ApplyPlan, accept: frozenset[str]) -> tuple[list[Problem], list[Problem]]:
    ran = rehearsed(ws, plan)
    with ws.connect() as conn:
        return _judged(ws, conn, plan, accept, ran)


def _judged(
    ws: Workspace, conn: Connection, plan: ApplyPlan, accept: frozenset[str], rehearsed: Sequence[Problem]
) -> tuple[list[Problem], list[Problem]]:
    """The problems that are found, and those of them that stop an apply here."""
    checks = ws.registry.target(ws.target).gate
    said = safety.told(conn)
    disposable = safety.prove(ws, conn, said) is not None and not safety.denials(ws, conn, said)
    found = list(_look(ws, conn, plan, _USUAL if checks is None else checks, brief=disposable))
    found += rehearsed
    if not disposable:
        found += contracts.unknown(ws, plan)
    # code that services.yaml says is deployed breaks on a disposable database, too
    stops = [problem for problem in found if not disposable or problem.code in _ANYWHERE]
    return found, [problem for problem in stops if problem.code not in {*accept, contracts.UNCHECKED}]


def _line(problem: Problem) -> str:
    return f"{problem.code}: {problem.message} ({problem.where})"


def _look(
    ws: Workspace,
    conn: Connection,
    plan: ApplyPlan,
    checks: Sequence[str],
    *,
    brief: bool,
) -> Iterator[Problem]:
    todo = plan.todo
    if "lint" in checks:
        yield from _linted(ws, todo, brief=brief)
    if "tamper" in checks:
        yield from _tampered(conn, todo, plan.standings)
    if "drift" in checks:
        yield from _drifted(ws, conn, todo)
    if "roundtrip" in checks:
        yield from _unproven(ws, todo)


def _linted(ws: Workspace, todo: Sequence[Steps], *, brief: bool) -> Iterator[Problem]:
    from aegisdb.lint import Context
    from aegisdb.lint.linter import judge

    count = sum(len(steps) for _, steps in todo)
    if brief and count > _MOST:
        return
    context = Context(registry=ws.registry, histories={history.service: history for history, _ in todo})
    chosen = [(history.service, revision) for history, steps in todo for revision in steps]
    for finding in judge(context, chosen, RULES):
        hint = f"see invoke migrate.lint --all --service {finding.service}"
        yield Problem(code=finding.rule, message=finding.message, where=finding.where, hint=hint)


def _tampered(conn: Connection, todo: Sequence[Steps], standings: Mapping[str, Standing]) -> Iterator[Problem]:
    from aegisdb.drift.tampering import tampered

    concerned = [standings[history.service] for history, _ in todo if history.service in standings]
    for service, revisions in tampered(conn, concerned).items():
        for revision in revisions:
            history = standings[service].history
            yield Problem(
                code="tampered",
                message=f"{service} {revision} is applied, and its code was changed since then",
                where=str(history.revisions[revision].path) if history is not None else service,
                hint=f"see invoke migrate.log --show {revision}",
            )


def _drifted(ws: Workspace, conn: Connection, todo: Sequence[Steps]) -> Iterator[Problem]:
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.drift.schema_drift import drift
    from aegisdb.revisions.load import good_histories
    from aegisdb.workflows.migrate.concerned import about

    ws = about(ws, todo[0][0].service)
    applied = read_versions(conn, good_histories(ws.registry).values())
    services = {history.service for history, _ in todo}
    for owner, changes in drift(ws, conn, applied).changes.items():
        if owner in services:
            for change in changes:
                yield Problem(
                    code="drift",
                    message=f"the live schema is not what the applied revisions build: {change}",
                    where=owner,
                    hint="see invoke doctor",
                )


def _unproven(ws: Workspace, todo: Sequence[Steps]) -> Iterator[Problem]:
    from aegisdb.workflows.migrate.remembered_proofs import unproven

    paths = {(h.service, r.id): r.path for h, steps in todo for r in steps}
    for service, revision in unproven(ws.registry, todo):
        yield Problem(
            code="roundtrip",
            message=f"no roundtrip has proven {service} {revision}",
            where=str(paths[service, revision]),
            hint="prove it with invoke migrate.roundtrip --pending on a disposable target",
        )
