"""Findings, and the checks that look for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aegisdb.doctor.patient import Patient

DIRTY, DIFFERENT, NOTICE = 5, 6, 0
"""Exit codes: needs a decision, is wrong, is only told."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found. The same finding of a later look has the same `check` and `subject`."""

    check: str
    subject: str
    """The service, object or variable that it is about."""
    what: str
    cause: str
    command: str
    """What to type, from the directory of services.yaml; it fixes the finding."""
    evidence: tuple[str, ...] = ()
    fix: str = ""
    """What `doctor --fix` does about it; empty where that is not safe."""
    exit_code: int = DIFFERENT


Needs = Literal["nothing", "server", "database"]
Look = Callable[["Patient"], Iterable[Finding]]
Fix = Callable[["Patient", Finding], None]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One kind of finding: how to look for it and, where that is safe, how to fix it."""

    name: str
    finds: str
    """The trouble in the words of those who meet it, for docs/doctor.md."""
    look: Look
    needs: Needs = "database"
    fix: Fix | None = None
    fixes: str = ""
    """The effect of `--fix`, for docs/doctor.md."""
