"""Text views of the deploy tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Styled, Text, duration, table
from aegisdb.output.views.seed import state

if TYPE_CHECKING:
    from collections.abc import Iterator


def apply(result: Any) -> Iterator[Block]:
    """Show what ran and why, and what was current; after a failure also the rest."""
    if result.files:
        why = {"never run": "first run here", "changed": "changed, run again", "current": "run again"}
        rows = ([file.file, why[file.state], duration(file.seconds)] for file in result.files)
        yield table(["file", "why", "time#"], rows)
    if result.planned:
        yield Text("would run, in this order: " + ", ".join(result.planned))
    elif not result.files and not result.failed:
        yield Text("nothing to run")
    if result.current:
        yield Text("current: " + ", ".join(result.current), "dim")
    if result.failed:
        yield Text(f"failed: {result.failed}", "bad")
    if result.not_started:
        yield Text("not started: " + ", ".join(result.not_started), "warn")


def status(result: Any) -> Iterator[Block]:
    """Write one row for each file."""
    if not result.files:
        yield Text("no deploy files")
        return
    rows = (
        [file.file, state(file.state), f"{file.last_run:%Y-%m-%d %H:%M:%S}" if file.last_run else "", file.by]
        for file in result.files
    )
    yield table(["file", "state", "last run", "by"], rows)


def proven(result: Any) -> Iterator[Block]:
    """Show a row for each file; the differences stand in the problems."""
    rows = (
        [file.file, Styled("yes", "ok") if file.rerunnable else Styled("no", "bad"), duration(file.seconds)]
        for file in result.files
    )
    yield table(["file", "re-runnable", "two runs#"], rows)
    if result.proven_on:
        yield Text(f"tried on {result.proven_on}, because no database of ours is made on the target's server", "dim")


VIEWS = {"DeployApplyResult": apply, "DeployStatusResult": status, "DeployProveResult": proven}
