"""The decorator of every task, and what Invoke is told about it.

Invoke ignores annotations, knows no choices, and turns a bad number into a traceback; so every value arrives as text
and is parsed by us. A task's body only wires, calls and returns a result. Listing and completion make every task and
run none: flags are made when somebody asks for them, and what runs a task is imported when one runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Self

from invoke.exceptions import Exit
from invoke.tasks import Task

from aegisdb.cli.flags import SHORT_FLAGS, Flag, Options, flags_of

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result

Body = Callable[..., "Result"]

_COMMON_HELP = {
    "target": "Database to work on (a name from services.yaml).",
    "format": "Output: text or json.",
    "lock_wait": "Seconds to wait for another writer.",
    "service": "Only this service.",
    "to": "Stop at this revision.",
    "dry_run": "Show what would be done, and do nothing.",
    "yes": "Do not ask; accepted only for databases that are proven to be disposable.",
    "message": "What the revision does, in a few words.",
    "steps": "How many revisions.",
    "timeout": "Seconds that one revision may take (0: no limit).",
    "check": "Exit with 6 when something is pending.",
    "force": "Do it although a check objects.",
    "fleet": "All members of this fleet instead of one target.",
    "match": "Only members with this label, as LABEL=VALUE; several must all fit.",
    "shard": "Only this part of the members, as I/N, counted from 0.",
}


class AegisTask(Task[Any]):
    """A task of ours: its flags take text, its short flags are stable, its help survives parsing."""

    def __init__(self, body: Body, options: Options) -> None:
        self.inner = body
        self.options = options
        super().__init__(
            _as_invoke_sees_it(self),
            name=body.__name__.rstrip("_"),  # `list_` is no way to spell `list`
            positional=[name for name in options.positional if name != self.word],
            iterable=(*options.lists, "match") if options.fleet else options.lists,
            auto_shortflags=False,
        )

    # Invoke takes two tasks of one body for the same task, and all of ours share one body
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: Invoke copies everything that `tasks.py` hands over, a tenth of the time of a short command."""
        del memo
        return self

    @cached_property
    def flags(self) -> dict[str, Flag]:
        """Its parameters by name."""
        return flags_of(self.inner, self.options)

    @property
    def word(self) -> str:
        """The flag that may be given as a bare word behind the task's name; empty for none."""
        parameters = inspect.signature(self.inner).parameters
        left_out = (name for name in self.options.positional if parameters[name].default is not inspect.Parameter.empty)
        return next(left_out, "")

    @cached_property
    def texts(self) -> dict[str, str]:
        """The help of each flag that has one."""
        texts = {name: self.options.help.get(name) or _common_help(flag) for name, flag in self.flags.items()}
        return {flag: text for flag, text in texts.items() if text}

    @property
    def dotted(self) -> str:
        """The name that is typed, e.g. "migrate.apply"."""
        collection = self.__module__.partition("tasks.")[2].partition(".")[0] or self.__module__.rpartition(".")[2]
        name = self.name.replace("_", "-")
        return name if collection == self.name else f"{collection}.{name}"

    def argspec(self, body: Callable[..., Any]) -> inspect.Signature:
        """The parameters as Invoke is to see them."""
        del body
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature(
            [inspect.Parameter(name, keyword, default=flag.shown_to_invoke) for name, flag in self.flags.items()]
        )

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """Invoke's own, with short flags that do not depend on the order of parameters."""
        opts: dict[str, Any] = super().arg_opts(name, default, taken_names)
        short = SHORT_FLAGS.get(name)
        if short:
            opts["names"] = [*opts["names"], short]
        return opts

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Any]:  # noqa: FBT001  Invoke's signature
        """Invoke's own, which empties `help` each time that it is called."""
        self.help = dict(self.texts)
        arguments: list[Any] = super().get_arguments(ignore_unknown_help)
        return arguments


def task(  # noqa: PLR0913  choices of their own, all by keyword
    *,
    help: Mapping[str, str] | None = None,  # noqa: A002  Invoke's own word for it
    choices: Mapping[str, tuple[str, ...]] | None = None,
    positional: Iterable[str] = (),
    lists: Iterable[str] = (),
    heading: str = "{target}",
    workspace: bool = True,
    writes: bool = False,
    raw: bool = False,
    warm: bool = False,
    formats: tuple[str, ...] = (),
    fleet: bool = False,
) -> Callable[[Body], AegisTask]:
    """Make a task of a function that takes the open workspace (or Invoke's context) and returns a result.

    Args:
        help: text of each flag; common flags have one already.
        choices: what a flag accepts.
        positional: parameters that are given without a flag; one with a default may be left out.
        lists: parameters that may be given several times.
        heading: the first line of text output, with `{target}`; empty for none.
        workspace: False where no registry is needed; the function gets Invoke's context then.
        writes: adds `--lock-wait`.
        raw: the result is printed unmasked and alone.
        warm: it always needs Alembic, whose process is started before anything else is imported.
        fleet: adds `--fleet`, `--match` and `--shard`; the function asks all members where `ws.fleet` is set. A
            function with a parameter `shard` gets it where no fleet is named.
        formats: what `--format` takes beside text and json; the function gets what was typed as `format`.
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
        formats=formats,
        fleet=fleet,
    )
    return lambda body: AegisTask(body, options)


def _common_help(flag: Flag) -> str:
    return "The service." if flag.name == "service" and flag.required else _COMMON_HELP.get(flag.name, "")


def _as_invoke_sees_it(made: AegisTask) -> Callable[..., Any]:
    def run(context: Context, *words: Any, **given: Any) -> Any:
        from aegisdb.cli.interpreter import byte_code_kept, collect_less_garbage

        with byte_code_kept():
            from aegisdb.cli.run import Command, run_called, run_typed

            command = Command(made.dotted, made.inner, made.options, made.flags)
            if "format" not in given:  # a parsed command line gives every flag, a task of somebody else hardly this one
                return run_called(command, context, words, given)
            collect_less_garbage()
            code = run_typed(command, context, given)
        if code:
            raise Exit(code=code)
        return None

    update_wrapper(run, made.inner)
    return run
