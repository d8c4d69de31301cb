"""Print how a command ended: one JSON document, or text with the problems on stderr."""

from __future__ import annotations

import traceback
from collections import Counter
from typing import TYPE_CHECKING, Literal

from aegisdb.errors import BUG_EXIT_CODE, AegisError, Problem
from aegisdb.output import console
from aegisdb.output.blocks import Styled, duration
from aegisdb.plain_text import MOST, clean, exception_line, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.output.outcome import Outcome
    from aegisdb.results import Result

Format = Literal["text", "json"]
_LONGEST_STATEMENT = 8
"""Lines of a statement that an error shows."""


def problems_of_result(result: Result) -> tuple[Problem, ...]:
    """Its problems, the gravest last, where the eye is when the prompt comes back."""
    return tuple(reversed(result.problems))


def problems_of_error(error: AegisError) -> tuple[Problem, ...]:
    """The error's problems; those of a partial result come before them; a statement is shown below the message."""
    statement = getattr(error, "statement", "")
    own = error.problems
    if len(own) == 1 and statement and statement not in own[0].message:
        shown = "\n".join(statement.strip().splitlines()[:_LONGEST_STATEMENT])
        message = f"{own[0].message}\n{shown}"
        own = (Problem(**{**vars(own[0]), "message": message}),)
    before = problems_of_result(error.result) if error.result is not None else ()
    return (*(problem for problem in before if problem not in own), *own)


def abridged(problems: Sequence[Problem]) -> Iterator[Problem]:
    """The problems in their order, of many of one kind the last dozen and before them how many more there are.

    Of one kind are those with the same code about the same: what their message has before its first colon.
    """
    kinds = [(problem.code, problem.message.partition(": ")[0]) for problem in problems]
    left = Counter(kinds)
    told: set[tuple[str, str]] = set()
    for problem, kind in zip(problems, kinds, strict=True):
        if left[kind] <= MOST:
            yield problem
        elif kind not in told:
            told.add(kind)
            more = f"{left[kind] - MOST} more like the following"
            yield Problem(code=kind[0], message=f"{kind[1]}: {more}", hint="--format json names all")
        left[kind] -= 1


def problem_of_bug(error: BaseException) -> Problem:
    """An exception outside the tree."""
    last = exception_line("".join(traceback.format_exception(error)))
    return Problem(
        code="bug",
        message=last,
        hint="this is a bug in aegisdb: report it with the traceback above",
        exit_code=BUG_EXIT_CODE,
    )


def present(outcome: Outcome, form: Format, *, quiet: bool = False, masked: bool = True) -> int:
    """Print the outcome and return the exit code; 1 when stdout cannot take the result.

    Args:
        outcome: what to print.
        form: "text" or "json".
        quiet: no elapsed time (the result alone is what somebody wants).
        masked: False for the one result that is a password by purpose.
    """
    console.end_progress()
    if outcome.traceback:
        console.note(outcome.traceback.rstrip())
    try:
        _result(outcome, form, masked=masked)
    except OSError as error:
        lost = f"the result cannot be written: {error.strerror}"
        _problem(Problem(code="output", message=lost, hint="the command itself had ended before"))
        return outcome.exit_code or 1
    if form == "text" and not quiet and (not outcome.problems or outcome.seconds >= 1):
        verb = "failed after" if outcome.problems else "done in"
        console.note(Styled(f"{verb} {duration(outcome.seconds)}", "dim"))
    for problem in abridged(outcome.problems):
        _problem(problem)
    return outcome.exit_code


def _result(outcome: Outcome, form: Format, *, masked: bool) -> None:
    if form == "json":
        from aegisdb.output.envelope import envelope

        console.out(envelope(outcome, console.said if masked else str), masked=False)
    elif outcome.result is not None:
        from aegisdb.output.views import blocks_of

        console.show(blocks_of(outcome.result, outcome.command), masked=masked)


def _problem(problem: Problem) -> None:
    headline, *detail = clean(problem.message).split("\n")
    for line in detail:
        console.note(Styled(f"  {line}", "dim"))
    where = f"{problem.where}: " if problem.where and problem.where not in headline else ""
    hint = f" → {problem.hint}" if problem.hint else ""
    console.note(Styled(f"error[{problem.code}]", "bad"), one_line(f" {where}{headline}{hint}"))
