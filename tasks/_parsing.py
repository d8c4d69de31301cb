"""What Invoke says about a command line that it does not understand: exit code 2 and a suggestion, not 1.

Invoke has no hook for it: `Program.run` prints a ParseError and exits with 1. But it loads `tasks` before it parses the
rest of the command line, so the two methods that come after that are wrapped, on the one Program that is running.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit, ParseError

import tasks
from aegisdb.errors import UsageError
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.present import present
from tasks._completion import complete
from tasks._values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.program import Program


def take_over() -> None:
    """Wrap the running Program, when Invoke's own one is running (not a test's, not an import)."""
    main = sys.modules.get("invoke.main")
    program: Program | None = getattr(main, "program", None)
    if program is None or not program.argv:
        return
    program.parse_tasks = _explained(program, _named_only(program))  # type: ignore[method-assign]
    program.parse_cleanup = _explained(program, _completed(program))  # type: ignore[method-assign]


def _named_only(program: Program) -> Callable[[], None]:
    """Parsing that knows only the tasks which the command line names: Invoke copies all flags of each task it knows."""
    parse, make = program.parse_tasks, program._make_parser  # noqa: SLF001  there is no other place for it

    def parse_named() -> None:
        words = {part for word in program.argv for part in word.split("=")}
        parser = make()
        for name in [name for name in parser.contexts if words.isdisjoint({name, *parser.contexts[name].aliases})]:
            del parser.contexts[name]  # type: ignore[no-untyped-call]
        program._make_parser = lambda: parser  # type: ignore[method-assign]  # noqa: SLF001
        try:
            parse()
        finally:
            program._make_parser = make  # type: ignore[method-assign]  # noqa: SLF001

    return parse_named


def _explained(program: Program, parse: Callable[[], None]) -> Callable[[], None]:
    def explained() -> None:
        try:
            parse()
        except ParseError as error:
            raise Exit(code=_present(program, error)) from error

    return explained


def _completed(program: Program) -> Callable[[], None]:
    cleanup = program.parse_cleanup

    def completed() -> None:
        if program.args.complete.value and complete(program.core.remainder):
            raise Exit(code=0)
        cleanup()

    return completed


def _present(program: Program, error: ParseError) -> int:
    masking.learn_environment(console.mask, os.environ)
    usage = _usage(program, error)
    outcome = Outcome(command=_command(error), problems=usage.problems, exit_code=usage.exit_code)
    return present(outcome, "json" if _wants_json(program.argv) else "text", quiet=True)


def _usage(program: Program, error: ParseError) -> UsageError:
    message = str(error)
    unknown = re.fullmatch(r"No idea what '(.*)' is!", message, re.DOTALL)
    if not unknown:
        return UsageError(_sentence(message), hint=f"invoke --help {_command(error)}".strip())
    word = unknown[1]
    names = sorted(tasks.collect().task_names)  # those loaded may be few
    if word.startswith("-"):
        flags = _flags(program, error)
        where = f" of {_command(error)}" if _command(error) else ""
        return UsageError(f"there is no flag {word}{where}", hint=did_you_mean(word, flags), code="unknown_flag")
    hint = did_you_mean(word, names) or "invoke --list shows all tasks"
    return UsageError(f"there is no task {word!r}", hint=hint, code="unknown_task")


def _flags(program: Program, error: ParseError) -> list[str]:
    context: Any = error.context or program.initial_context
    return [flag for flag in context.flag_names() if flag.startswith("--")]


def _command(error: ParseError) -> str:
    return getattr(error.context, "name", None) or ""


def _sentence(message: str) -> str:
    flag = re.search(r"Flag <Argument: (\S+?)[ >(].*needed value", message)
    if flag:
        return f"--{flag[1]} needs a value"
    missing = re.fullmatch(r"'(.*)' did not receive required positional arguments: (.*)", message)
    if missing:
        return f"{missing[1]} needs {missing[2].replace(chr(39), '').upper()}"
    return message


def _wants_json(argv: list[str]) -> bool:
    # the command line could not be parsed, so this is all that is known about what was wanted
    return re.search(r"(?:--format[= ]|-f[= ]?)json\b", " ".join(argv)) is not None
