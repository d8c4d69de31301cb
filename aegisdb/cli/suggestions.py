"""What is said about a command line that Invoke does not understand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from aegisdb.cli.flags import did_you_mean
from aegisdb.errors import UsageError
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.presenter import present

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.collection import Collection
    from invoke.exceptions import ParseError
    from invoke.program import Program


def present_mistake(program: Program, error: ParseError, every: Callable[[], Collection]) -> int:
    """Print what is wrong and what may have been meant; the exit code."""
    masking.learn_environment(console.mask, os.environ)
    usage = _usage(program, error, every)
    outcome = Outcome(command=_command(error), problems=usage.problems, exit_code=usage.exit_code)
    return present(outcome, "json" if _wants_json(program.argv) else "text", quiet=True)


def _usage(program: Program, error: ParseError, every: Callable[[], Collection]) -> UsageError:
    message = str(error)
    unknown = re.fullmatch(r"No idea what '(.*)' is!", message, re.DOTALL)
    if not unknown:
        return UsageError(_sentence(message), hint=f"invoke --help {_command(error)}".strip())
    word = unknown[1]
    names = sorted(every().task_names)  # those loaded may be few
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
