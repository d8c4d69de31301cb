"""A task runs, typed or called: its values, the open workspace, presentation, exit codes."""

from __future__ import annotations

import errno
import inspect
import os
import time
import traceback
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from aegisdb.cli import signals
from aegisdb.cli.flags import FLEET, bound, describe, parse, refuse_empty
from aegisdb.errors import AegisError, Failed, Interrupted, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.presenter import (
    present,
    problem_of_bug,
    problems_of_error,
    problems_of_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from invoke.context import Context

    from aegisdb.cli.flags import Flag, Options
    from aegisdb.output.presenter import Format
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace

_NOT_OUR_FAULT = {
    errno.EACCES: "give this user access to it",
    errno.EPERM: "give this user access to it",
    errno.EROFS: "make it writable",
    errno.ENOSPC: "free some space, then run it again",
    errno.EDQUOT: "free some space, then run it again",
    errno.EISDIR: "move away what is in the place of a file",
    errno.ENOTDIR: "move away what is in the place of a directory",
    errno.ELOOP: "remove the link that leads to itself",
}


_ENDED = "lost"
"""The code of a session's end, which we bring about ourselves when we are interrupted."""


@dataclass(frozen=True)
class Command:
    """A task that is to run: its dotted name, what it calls, and what it takes."""

    name: str
    body: Callable[..., Result]
    options: Options
    flags: Mapping[str, Flag]


def run_typed(command: Command, context: Context, given: dict[str, Any]) -> int:
    """Run a task with the values that were typed, print how it ended, and return the exit code."""
    console.occupy_standard_streams()
    masking.learn_environment(console.mask, os.environ)
    form: Format = "json" if given.get("format") == "json" else "text"
    started = time.monotonic()
    state: dict[str, Any] = {"target": "", "result": None, "problems": (), "exit_code": 0, "traceback": ""}
    with signals.as_exceptions() as signalled:
        try:
            refuse_empty(command.flags, given)
            state["result"] = _call(command, context, given, form, state)
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
        if [problem.code for problem in state["problems"]] == [_ENDED]:
            state["problems"] = Interrupted("interrupted").problems
    outcome = Outcome(command=command.name, seconds=time.monotonic() - started, **state)
    try:
        return present(outcome, form, quiet=not command.options.heading, masked=not command.options.raw)
    except Exception as error:  # noqa: BLE001 - a view that fails is a bug like any other, and as free of secrets
        return present(replace(outcome, result=None, **_of_a_bug(error)), form)


def run_called(command: Command, context: Context, words: tuple[Any, ...], given: dict[str, Any]) -> Result:
    """Run a task for a task of somebody else: print what it says as text, and return its result.

    Raises:
        AegisError: it failed, or its result has problems; nothing but its heading was printed then.
    """
    console.occupy_standard_streams()
    masking.learn_environment(console.mask, os.environ)
    state: dict[str, Any] = {"target": ""}
    with signals.as_exceptions():
        try:
            result = _call(command, context, bound(command.flags, words, given, command=command.name), "text", state)
        except OSError as error:
            raise _failed(error) or error from error
        finally:
            console.end_progress()
    if result.exit_code:
        raise _error_of(result)
    if not command.options.raw:
        present(Outcome(command=command.name, result=result, **state), "text", quiet=True)
    return result


def _error_of(result: Result) -> AegisError:
    """The error that says the first problem of a result and carries the result."""
    first = result.problems[0]
    kind = next((one for one in AegisError.__subclasses__() if one.exit_code == first.exit_code), Failed)
    return kind(first.message, hint=first.hint, where=first.where, code=first.code, result=result)


def present_error(error: AegisError) -> int:
    """Print an error that a task of somebody else let through, and return the exit code."""
    problems = problems_of_error(error)
    return present(Outcome(command="", result=error.result, problems=problems, exit_code=error.exit_code), "text")


def _of_the_machine(error: OSError) -> dict[str, Any]:
    failed = _failed(error)
    return {"problems": failed.problems, "exit_code": failed.exit_code} if failed else _of_a_bug(error)


def _failed(error: OSError) -> Failed | None:
    if error.errno not in _NOT_OUR_FAULT:
        return None
    return Failed(
        f"{error.strerror}", where=str(error.filename or ""), hint=_NOT_OUR_FAULT[error.errno], code="file_system"
    )


def _of_a_bug(error: BaseException) -> dict[str, Any]:
    bug = problem_of_bug(error)
    return {"problems": (bug,), "exit_code": bug.exit_code, "traceback": traceback.format_exc()}


def _call(command: Command, context: Context, given: dict[str, Any], form: Format, state: dict[str, Any]) -> Result:
    values = parse(command.flags, given, command=command.name)
    target, lock_wait = values.pop("target"), values.pop("lock_wait", None)
    if not command.options.formats:
        values.pop("format")
    if not command.options.workspace:
        return command.body(context, **values)
    ws = _open(target, lock_wait, command.name, _fleet_flags(command, values))
    state["target"] = ws.fleet.fleet if ws.fleet else ws.target
    if form == "text" and command.options.heading:
        console.out(command.options.heading.format(target=describe(ws)))
    _check_service(ws, values.get("service"))
    if command.options.warm:
        from aegisdb.runtime.forkserver import warm_process

        warm_process(ws.registry)
    try:
        return command.body(ws, **values)
    finally:
        ws.client.close()


def _open(target: str, lock_wait: float | None, command: str, fleet: Mapping[str, Any]) -> Workspace:
    from aegisdb.workspace import DEFAULT_LOCK_WAIT, open_workspace

    _require_fleet(fleet)
    ws = open_workspace(
        target=target,
        **fleet,
        listen=console.listen,
        lock_wait=DEFAULT_LOCK_WAIT if lock_wait is None else lock_wait,
        ask=console.ask,
        command=command,
    )
    learn = partial(masking.learn_registry, console.mask)
    learn(ws.registry)
    return replace(ws, learn=learn)


def _fleet_flags(command: Command, values: dict[str, Any]) -> dict[str, Any]:
    """Take from the values what chooses members; a shard without a fleet is of services, where the task has such."""
    chosen = {name: values.pop(name) for name in FLEET if command.options.fleet}
    if "shard" in inspect.signature(command.body).parameters and chosen:
        values["shard"] = "" if chosen["fleet"] else chosen["shard"]
        chosen["shard"] = chosen["shard"] if chosen["fleet"] else ""
    return chosen


def _require_fleet(flags: Mapping[str, Any]) -> None:
    alone = [name for name, value in flags.items() if value and not flags["fleet"]]
    if alone:
        raise UsageError(f"--{alone[0]} needs --fleet", hint="it chooses among a fleet's members", code="fleet_flag")


def _check_service(ws: Workspace, service: Any) -> None:
    for name in [service] if isinstance(service, str) else service or ():
        if name:
            ws.registry.service(name)
