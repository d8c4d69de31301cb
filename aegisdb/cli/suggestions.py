"""Advice about a command line that Invoke does not understand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from aegisdb.cli.flags import did_you_mean
from aegisdb.cli.task import AegisTask
from aegisdb.errors import UsageError
from aegisdb.output import console, masking
from aegisdb.output.outcome import Outcome
from aegisdb.output.presenter import present

if TYPE_CHECKING:
    from invoke.exceptions import ParseError
    from invoke.program import Program


def concerns_us(program: Program, error: ParseError) -> bool:
    """Whether it is about a task of ours; of a collection that others share, Invoke says what it always says."""
    names = program.collection.task_names
    ours = [name for name in names if isinstance(program.collection[name], AegisTask)]
    if not ours or len(ours) == len(names):
        return bool(ours)
    made = _task(program, error)
    if made is not None:
        return isinstance(made, AegisTask)
    word = _unknown(error)
    return "." in word and word.partition(".")[0] in {name.partition(".")[0] for name in ours if "." in name}


def present_mistake(program: Program, error: ParseError) -> int:
    """Print what is wrong and what may have been meant; the exit code."""
    masking.learn_environment(console.mask, os.environ)
    usage = _usage(program, error)
    outcome = Outcome(command=_command(error), problems=usage.problems, exit_code=usage.exit_code)
    return present(outcome, "json" if _wants_json(program.argv) else "text", quiet=True)


def _usage(program: Program, error: ParseError) -> UsageError:
    word = _unknown(error)
    if not word:
        return UsageError(_sentence(str(error)), hint=f"invoke --help {_command(error)}".strip())
    if word.startswith("-"):
        flags = _flags(program, error)
        where = f" of {_command(error)}" if _command(error) else ""
        return UsageError(f"there is no flag {word}{where}", hint=did_you_mean(word, flags), code="unknown_flag")
    made = _task(program, error)
    if isinstance(made, AegisTask) and "service" in made.flags and not _is_like_a_task(word, program):
        hint = f"a service is given as --service {word}"
        return UsageError(f"{made.dotted} takes no word {word!r}", hint=hint, code="unknown_task")
    hint = did_you_mean(word, sorted(program.collection.task_names)) or "invoke --list shows all tasks"
    return UsageError(f"there is no task {word!r}", hint=hint, code="unknown_task")


def _unknown(error: ParseError) -> str:
    """The word that Invoke does not know; empty where something else is wrong."""
    unknown = re.fullmatch(r"No idea what '(.*)' is!", str(error), re.DOTALL)
    return unknown[1] if unknown else ""


def _is_like_a_task(word: str, program: Program) -> bool:
    return "did you mean" in did_you_mean(word, program.collection.task_names)


def _flags(program: Program, error: ParseError) -> list[str]:
    context: Any = error.context or program.initial_context
    return [flag for flag in context.flag_names() if flag.startswith("--")]


def _task(program: Program, error: ParseError) -> object | None:
    """The task whose words were being read."""
    name = _command(error)
    return program.collection[name] if name else None


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
