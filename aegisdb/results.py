"""What the engine returns: frozen dataclasses of which text and JSON are two views.

A workflow that only looks (status, verify, roundtrip, lint) returns its result with `problems`;
a workflow that cannot go on raises from `aegisdb.errors`, with what was done so far as `error.result`.
Each workflow defines its own result next to itself, as a subclass of `Result`; views live in `aegisdb.output`.
"""

from __future__ import annotations

from aegisdb.fast_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong, as text and JSON show it."""

    code: str
    message: str
    hint: str = ""
    where: str = ""
    exit_code: int = 6


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of all results; `problems` empty means done and verified (exit 0).

    A subclass with a field `services` shows up in JSON under "services", any other under "result".
    """

    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the first problem, which is the gravest by the workflow's own order; 0 without any."""
        return self.problems[0].exit_code if self.problems else 0
