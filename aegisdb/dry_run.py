"""What `--dry-run` tells where a command has no richer result of its own."""

from __future__ import annotations

from dataclasses import dataclass

from aegisdb.results import Result


@dataclass(frozen=True, kw_only=True)
class Planned(Result):
    """The steps that a command would take, in order; none was taken."""

    steps: tuple[str, ...]
