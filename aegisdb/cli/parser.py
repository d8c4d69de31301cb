"""Invoke's Program, wrapped: mistakes of typing are exit code 2 with a suggestion, and it parses no more than it must.

Invoke has no hook for it: `Program.run` prints a ParseError and exits with 1, and makes the flags of every task for
each command line, twice for a completion. But it loads `tasks` before it parses the rest of the command line, so three
methods that come after that are replaced, on the one Program that is running.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

from aegisdb.cli.completion import complete, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.collection import Collection
    from invoke.program import Program


def take_over(every: Callable[[], Collection]) -> None:
    """Wrap the running Program, when Invoke's own one is running (not a test's, not an import)."""
    main = sys.modules.get("invoke.main")
    program: Program | None = getattr(main, "program", None)
    if program is None or not program.argv:
        return
    program._make_parser = lambda: _parser(program)  # type: ignore[method-assign]  # noqa: SLF001  no other place for it
    program.parse_tasks = _explained(program.parse_tasks, program, every)  # type: ignore[method-assign]
    program.parse_cleanup = _explained(_completed(program), program, every)  # type: ignore[method-assign]


def _parser(program: Program) -> Parser:
    """A parser that knows only the tasks which the command line names."""
    words = {part for word in program.argv for part in word.split("=")}
    if program.args.complete.value:
        words.update(words_of(program.core.remainder))
    collection, ignore = program.collection, program.config.tasks.ignore_unknown_help
    contexts = [
        ParserContext(name=name, aliases=aliases, args=collection[name].get_arguments(ignore_unknown_help=ignore))
        for name, aliases in collection.task_names.items()
        if not words.isdisjoint({name, *aliases})
    ]
    return Parser(initial=program.initial_context, contexts=contexts)


def _explained(parse: Callable[[], None], program: Program, every: Callable[[], Collection]) -> Callable[[], None]:
    def explained() -> None:
        try:
            parse()
        except ParseError as error:
            from aegisdb.cli.suggestions import present_mistake

            raise Exit(code=present_mistake(program, error, every)) from error

    return explained


def _completed(program: Program) -> Callable[[], None]:
    cleanup = program.parse_cleanup

    def completed() -> None:
        if program.args.complete.value and complete(program.core.remainder, program.collection):
            raise Exit(code=0)
        cleanup()

    return completed
