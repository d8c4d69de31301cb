"""The decorator of every task: flags, the open workspace, presentation, exit codes.

Invoke ignores annotations, knows no choices, and turns a bad number into a traceback; so every value arrives here
as text and is parsed here. A task's body only wires, calls and returns a result.
"""

from __future__ import annotations

import errno
import inspect
import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Self

from invoke.exceptions import Exit
from invoke.tasks import Task

from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.present import (
    present,
    problem_of_bug,
    problems_of_error,
    problems_of_result,
)
from aegisdb.records import dataclass
from tasks import _signals, _values

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.output.present import Format
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace

Body = Callable[..., "Result"]

_COMMON_HELP = {
    "target": "Database to work on (a name from services.yaml).",
    "format": "Output: text or json.",
    "lock_wait": "Seconds to wait for another writer.",
    "service": "Only this service.",
    "to": "Stop at this revision.",
    "plan": "Show what would be done, and do nothing.",
    "yes": "Do not ask; accepted only for databases that are proven to be disposable.",
    "message": "What the revision does, in a few words.",
    "steps": "How many revisions.",
    "check": "Exit with 6 when something is pending.",
    "force": "Do it although a check objects.",
}
_NOT_OUR_FAULT = {
    errno.EACCES: "give this user access to it",
    errno.EPERM: "give this user access to it",
    errno.EROFS: "make it writable",
    errno.ENOSPC: "free some space, then run it again",
    errno.EDQUOT: "free some space, then run it again",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a task says about itself besides its parameters."""

    help: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    heading: str = "{target}"
    workspace: bool = True
    writes: bool = False
    raw: bool = False
    warm: bool = False


class AegisTask(Task[Any]):
    """A task of ours: its flags take text, its short flags are stable, its help survives parsing."""

    def __init__(self, body: Body, options: Options) -> None:
        self.inner = body
        self.options = options
        self.flags = _values.flags_of(body, options)
        texts = {name: options.help.get(name) or _common_help(flag) for name, flag in self.flags.items()}
        super().__init__(
            _as_invoke_sees_it(self),
            name=body.__name__.rstrip("_"),  # `list_` is no way to spell `list`
            positional=options.positional,
            iterable=options.lists,
            help={flag: text for flag, text in texts.items() if text},
            auto_shortflags=False,
        )
        self.texts = dict(self.help)

    # Invoke takes two tasks of one body for the same task, and all of ours share one body
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: Invoke copies everything that `tasks.py` hands over, a tenth of the time of a short command."""
        del memo
        return self

    @property
    def dotted(self) -> str:
        """The name that is typed, e.g. "migrate.apply"."""
        collection = self.__module__.rpartition(".")[2]
        name = self.name.replace("_", "-")
        return name if collection == self.name else f"{collection}.{name}"

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """Invoke's own, with short flags that do not depend on the order of parameters."""
        opts: dict[str, Any] = super().arg_opts(name, default, taken_names)
        short = _values.SHORT_FLAGS.get(name)
        if short:
            opts["names"] = [*opts["names"], short]
        return opts

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:
        """Invoke's own, which empties `help` each time that it is called."""
        self.help = dict(self.texts)
        arguments: list[Any] = super().get_arguments(ignore_unknown_help)
        return arguments


def task(  # noqa: PLR0913  choices of their own, all by keyword
    *,
    help: Mapping[str, str] | None = None,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    positional: Iterable[str] = (),
    lists: Iterable[str] = (),
    heading: str = "{target}",
    workspace: bool = True,
    writes: bool = False,
    raw: bool = False,
    warm: bool = False,
) -> Callable[[Body], AegisTask]:
    """Make a task of a function that takes the open workspace (or Invoke's context) and returns a result.

    Args:
        help: text of each flag; common flags have one already.
        choices: what a flag accepts.
        positional: parameters that are given without a flag.
        lists: parameters that may be given several times.
        heading: the first line of text output, with `{target}`; empty for none.
        workspace: False where no registry is needed; the function gets Invoke's context then.
        writes: adds `--lock-wait`.
        raw: the result is printed unmasked and alone.
        warm: it always needs Alembic, whose process is started before anything else is imported.
    """
    options = Options(
        help=help or {},
        choices=choices or {},
        positional=tuple(positional),
        lists=tuple(lists),
        heading="" if raw else heading,
        workspace=workspace,
        writes=writes,
        raw=raw,
        warm=warm,
    )
    return lambda body: AegisTask(body, options)


def _common_help(flag: _values.Flag) -> str:
    return "The service." if flag.name == "service" and flag.required else _COMMON_HELP.get(flag.name, "")


def _as_invoke_sees_it(made: AegisTask) -> Callable[..., None]:
    def run(context: Context, **given: Any) -> None:
        code = _run(made, context, given)
        if code:
            raise Exit(code=code)

    update_wrapper(run, made.inner)
    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=flag.shown_to_invoke)
        for name, flag in made.flags.items()
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _run(made: AegisTask, context: Context, given: dict[str, Any]) -> int:
    console.occupy_standard_streams()
    masking.learn_environment(console.mask, os.environ)
    form: Format = "json" if given.get("format") == "json" else "text"
    started = time.monotonic()
    state: dict[str, Any] = {"target": "", "result": None, "problems": (), "exit_code": 0, "traceback": ""}
    with _signals.as_exceptions() as signalled:
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
    values = _values.parse(made.flags, given, command=made.dotted)
    target, lock_wait = values.pop("target"), values.pop("lock_wait", None)
    values.pop("format")
    if not made.options.workspace:
        return made.inner(context, **values)
    ws = _open(target, lock_wait, made.dotted)
    state["target"] = ws.target
    if form == "text" and made.options.heading:
        console.out(made.options.heading.format(target=_values.describe(ws)))
    _check_service(ws, values.get("service"))
    if made.options.warm:
        from aegisdb.histories.warm import warm_process

        warm_process(ws.registry)
    return made.inner(ws, **values)


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
