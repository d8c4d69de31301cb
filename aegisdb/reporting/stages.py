"""What a CI run did, as every report tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aegisdb.errors import Problem

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that a stage looked at: a revision, a service, a seed."""

    name: str
    problems: tuple[str, ...] = ()
    """What was found; empty when it is fine."""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a run."""

    name: str
    state: State
    summary: str
    """In words: what was looked at, or why it was not."""
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    seconds: float


def count(stages: tuple[Stage, ...]) -> str:
    """In words: how the stages ended."""
    states = Counter(stage.state for stage in stages)
    return ", ".join(f"{states[state]} {state}" for state in ("ok", "failed", "skipped") if states[state])
