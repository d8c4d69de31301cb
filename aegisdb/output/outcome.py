"""How one command ended: what both views, text and JSON, are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from aegisdb.errors import Problem
    from aegisdb.results import Result


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished command; `result` may be there although it failed (what was done until then)."""

    command: str
    """Dotted name, e.g. "migrate.apply"; empty when the command line could not be understood."""
    target: str = ""
    """Name of the target; empty when it was not known yet."""
    result: Result | None = None
    problems: tuple[Problem, ...] = ()
    """What is wrong, the gravest last: it becomes the last line of stderr."""
    exit_code: int = 0
    seconds: float = 0.0
    traceback: str = ""
    """The traceback of a bug (exit code 70); empty otherwise."""
