"""Stages of a CI run, as every report tells them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aegisdb.errors import Problem

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A revision, a service or a seed that a stage looked at."""

    name: str
    problems: tuple[str, ...] = ()
    """What was found; empty when it is fine."""
    seconds: float | None = None
    """None where nobody has measured it."""
    skipped: str = ""
    """Why nothing is known of it, which is neither good nor bad."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of a run."""

    name: str
    state: State
    summary: str
    """A sentence: what was looked at, or why it was not."""
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    seconds: float


def count(stages: tuple[Stage, ...]) -> str:
    """A sentence that counts how the stages ended."""
    states = Counter(stage.state for stage in stages)
    return ", ".join(f"{states[state]} {state}" for state in ("ok", "failed", "skipped") if states[state])
