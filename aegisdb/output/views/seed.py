"""Text views of the seed tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Styled, Text, duration, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATES = {"current": "ok", "changed": "warn", "never run": "dim", "missing": "warn"}


def state(text: str) -> Cell:
    """A ledger state with its meaning."""
    return Styled(text, _STATES.get(text, ""))  # type: ignore[arg-type]  # the values are styles


def counts(rows: dict[str, int]) -> str:
    """`skills 12, agents 3`."""
    return ", ".join(f"{name} {number}" for name, number in rows.items())


def run(result: Any) -> Iterator[Block]:
    """What ran, with the rows that its tables hold now; after a failure also the rest."""
    if result.seeds:
        rows = ([seed.service, seed.seed, counts(seed.rows), duration(seed.seconds)] for seed in result.seeds)
        yield table(["service", "seed", "rows now", "time#"], rows)
    if result.failed:
        yield Text(f"failed: {result.failed}", "bad")
    if result.not_started:
        yield Text("not started: " + ", ".join(result.not_started), "warn")


def plan(result: Any) -> Iterator[Block]:
    """List what would run."""
    yield Text("would run, in this order:" if result.seeds else "services.yaml has no seeds")
    yield from (Text(f"  {seed}", verbatim=True) for seed in result.seeds)


def listed(result: Any) -> Iterator[Block]:
    """Write one row for each seed."""
    if not result.seeds:
        yield Text("services.yaml has no seeds")
        return
    rows = (
        [seed.service, seed.seed, state(seed.state), _when(seed.last_run), seed.by, counts(seed.rows)]
        for seed in result.seeds
    )
    yield table(["service", "seed", "state", "last run", "by", "rows then"], rows)


def proven(result: Any) -> Iterator[Block]:
    """Show a row for each seed; the differences stand in the problems."""
    rows = (
        [seed.service, seed.seed, Styled("yes", "ok") if seed.idempotent else Styled("no", "bad"), _time(seed.seconds)]
        for seed in result.seeds
    )
    yield table(["service", "seed", "idempotent", "two runs#"], rows)
    if result.proven_on:
        yield Text(f"tried on {result.proven_on}, because no database of ours is made on the target's server", "dim")


def _when(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def _time(seconds: float) -> str:
    return duration(seconds)


VIEWS = {"SeedRunResult": run, "SeedPlan": plan, "SeedListResult": listed, "SeedProveResult": proven}
