"""A task runs: its values, the open workspace, presentation, exit codes."""

from __future__ import annotations

import errno
import os
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aegisdb.cli import signals
from aegisdb.cli.flags import describe, parse
from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.presenter import (
    present,
    problem_of_bug,
    problems_of_error,
    problems_of_result,
)

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.cli.task import AegisTask
    from aegisdb.output.presenter import Format
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace

_NOT_OUR_FAULT = {
    errno.EACCES: "give this user access to it",
    errno.EPERM: "give this user access to it",
    errno.EROFS: "make it writable",
    errno.ENOSPC: "free some space, then run it again",
    errno.EDQUOT: "free some space, then run it again",
}


def run_task(made: AegisTask, context: Context, given: dict[str, Any]) -> int:
    """Run a task with the values that were typed, print how it ended, and return the exit code."""
    console.occupy_standard_streams()
    masking.learn_environment(console.mask, os.environ)
    form: Format = "json" if given.get("format") == "json" else "text"
    started = time.monotonic()
    state: dict[str, Any] = {"target": "", "result": None, "problems": (), "exit_code": 0, "traceback": ""}
    with signals.as_exceptions() as signalled:
        try:
            state["result"] = _call(made, context, given, form, state)
            state["problems"] = problems_of_result(state["result"])
            state["exit_code"] = state["result"].exit_code
        except AegisError as error:
            state |= {"result": error.result, "problems": problems_of_error(error), "exit_code": error.exit_code}
        except KeyboardInterrupt:
            state |= {"problems": Interrupted("interrupted").problems}
        except OSError as error:
            state |= _of_the_machine(error)
        except Exception as error:  # noqa: BLE001 - the one place where bugs end; the traceback is kept
            state |= _of_a_bug(error)
    if signalled.exit_code:
        state["exit_code"] = signalled.exit_code
    outcome = Outcome(command=made.dotted, seconds=time.monotonic() - started, **state)
    try:
        return present(outcome, form, quiet=not made.options.heading, masked=not made.options.raw)
    except Exception as error:  # noqa: BLE001 - a view that fails is a bug like any other, and as free of secrets
        return present(replace(outcome, result=None, **_of_a_bug(error)), form)


def _of_the_machine(error: OSError) -> dict[str, Any]:
    if error.errno not in _NOT_OUR_FAULT:
        return _of_a_bug(error)
    failed = Failed(
        f"{error.strerror}", where=str(error.filename or ""), hint=_NOT_OUR_FAULT[error.errno], code="file_system"
    )
    return {"problems": failed.problems, "exit_code": failed.exit_code}


def _of_a_bug(error: BaseException) -> dict[str, Any]:
    bug = problem_of_bug(error)
    return {"problems": (bug,), "exit_code": bug.exit_code, "traceback": traceback.format_exc()}


def _call(made: AegisTask, context: Context, given: dict[str, Any], form: Format, state: dict[str, Any]) -> Result:
    values = parse(made.flags, given, command=made.dotted)
    target, lock_wait = values.pop("target"), values.pop("lock_wait", None)
    values.pop("format")
    if not made.options.workspace:
        return made.inner(context, **values)
    ws = _open(target, lock_wait, made.dotted)
    state["target"] = ws.target
    if form == "text" and made.options.heading:
        console.out(made.options.heading.format(target=describe(ws)))
    _check_service(ws, values.get("service"))
    if made.options.warm:
        from aegisdb.runtime.forkserver import warm_process

        warm_process(ws.registry)
    if not made.options.begins:
        return made.inner(ws, **values)
    from aegisdb.postgres.ahead import close_all

    ws.begin(*made.options.begins)
    try:
        return made.inner(ws, **values)
    finally:
        close_all()


def _open(target: str, lock_wait: float | None, command: str) -> Workspace:
    from aegisdb.workspace import DEFAULT_LOCK_WAIT, open_workspace

    ws = open_workspace(
        target=target,
        listen=console.listen,
        lock_wait=DEFAULT_LOCK_WAIT if lock_wait is None else lock_wait,
        ask=console.ask,
        command=command,
    )
    masking.learn_registry(console.mask, ws.registry)
    return ws


def _check_service(ws: Workspace, service: Any) -> None:
    for name in [service] if isinstance(service, str) else service or ():
        if name:
            ws.registry.service(name)
