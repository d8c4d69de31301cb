"""Invoke's Program, wrapped: mistakes of typing are exit code 2 with a suggestion, and it parses no more than it must.

Invoke has no hook for it: `Program.run` prints a ParseError and exits with 1, and makes the flags of every task for
each command line, twice for a completion. But it loads the tasks before it parses the rest of the command line, so four
methods that come after that are replaced, on the one Program that is running. What concerns tasks of somebody else is
left to Invoke.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

from aegisdb.cli.completion import complete, words_of
from aegisdb.cli.task import AegisTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.program import Program


def take_over() -> None:
    """Wrap the running Program, when Invoke's own one is running (not a test's, not an import)."""
    program: Program | None = getattr(sys.modules.get("invoke.main"), "program", None)
    if program is not None and program.argv:
        wrap(program)


def wrap(program: Program) -> None:
    """Replace the four methods of a Program."""
    program._make_parser = lambda: _parser(program)  # type: ignore[method-assign]  # noqa: SLF001  no other place for it
    program.parse_tasks = _explained(program.parse_tasks, program)  # type: ignore[method-assign]
    program.parse_cleanup = _quiet_pipe(_explained(_completed(program), program))  # type: ignore[method-assign]
    program.execute = _presented(program)  # type: ignore[method-assign]


def _parser(program: Program) -> Parser:
    """A parser that knows only the tasks which the command line names."""
    words = {part for word in program.argv for part in word.split("=")}
    if program.args.complete.value:
        words.update(words_of(program.core.remainder))
    collection, ignore = program.collection, program.config.tasks.ignore_unknown_help
    _name_bare_words(program)
    named = ((name, _aliases(name, aliases, collection[name])) for name, aliases in collection.task_names.items())
    contexts = [
        ParserContext(name=name, aliases=aliases, args=collection[name].get_arguments(ignore_unknown_help=ignore))
        for name, aliases in named
        if not words.isdisjoint({name, *aliases})
    ]
    return Parser(initial=program.initial_context, contexts=contexts)


def _name_bare_words(program: Program) -> None:
    """Put the flag before a word behind a task that takes one, since Invoke knows no positional with a default."""
    typed: list[str] = program.core.unparsed
    names = {task: program.collection[task] for task in program.collection.task_names}
    for at in range(len(typed) - 1, 0, -1):
        before = names.get(typed[at - 1])
        word = before.word if isinstance(before, AegisTask) else ""
        if word and not typed[at].startswith("-") and typed[at] not in names:
            typed.insert(at, f"--{word}")


def _aliases(name: str, aliases: list[str], made: object) -> list[str]:
    """The aliases, and the documented name of a task of ours where `auto_dash_names: false` renamed it."""
    dashed = name.replace("_", "-")
    return [*aliases, dashed] if dashed != name and isinstance(made, AegisTask) else aliases


def _explained(parse: Callable[[], None], program: Program) -> Callable[[], None]:
    def explained() -> None:
        try:
            parse()
        except ParseError as error:
            from aegisdb.cli.suggestions import concerns_us, present_mistake

            if not concerns_us(program, error):
                raise
            raise Exit(code=present_mistake(program, error)) from error

    return explained


def _completed(program: Program) -> Callable[[], None]:
    cleanup = program.parse_cleanup

    def completed() -> None:
        if program.args.complete.value and complete(program.core.remainder, program.collection):
            raise Exit(code=0)
        cleanup()

    return completed


def _quiet_pipe(cleanup: Callable[[], None]) -> Callable[[], None]:
    """Let a list end without a word where its reader has seen enough (`invoke --list | head`)."""

    def quiet() -> None:
        try:
            try:
                cleanup()
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
            raise Exit(code=0) from None

    return quiet


def _presented(program: Program) -> Callable[[], None]:
    """Present an error of ours that a task of somebody else let through, as if our task had been typed."""
    execute = program.execute

    def presented() -> None:
        try:
            execute()
        except Exception as error:
            from aegisdb.cli.run import present_error
            from aegisdb.errors import AegisError

            if not isinstance(error, AegisError):
                raise
            raise Exit(code=present_error(error)) from error

    return presented
