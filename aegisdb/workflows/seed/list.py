"""seed.list: which seeds ran here, and which have changed since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aegisdb.results import Result
from aegisdb.seeds import ledger, seed_digest, seeds_of
from aegisdb.workflows.seed.run import seeding

if TYPE_CHECKING:
    from datetime import datetime

    from aegisdb.registry.kinds import Seed
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

State = Literal["never run", "current", "changed"]


@dataclass(frozen=True, kw_only=True)
class ListedSeed:
    """One seed of the registry and its last successful run in this database."""

    service: str
    seed: str
    state: State
    last_run: datetime | None = None
    seconds: float | None = None
    by: str = ""
    rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SeedListResult(Result):
    """The seeds in the order in which they run."""

    seeds: tuple[ListedSeed, ...]


def seed_list(ws: Workspace, *, service: str = "") -> SeedListResult:
    """List the seeds; reads the ledger and the files, changes nothing.

    Raises:
        BadInput: the registry, or a seed's file is missing. Unreachable: the server.
    """
    found = seeding(ws, service)
    with ws.connect() as conn:
        runs = ledger.read(conn)
    wanted = seeds_of(ws.registry, found.services)
    seeds = tuple(_listed(ws.registry, name, seed, runs) for name, seed in wanted)
    return SeedListResult(seeds=seeds, problems=found.problems)


def _listed(registry: Registry, service: str, seed: Seed, runs: dict[tuple[str, str], ledger.LedgerRow]) -> ListedSeed:
    name = seed.label
    last = runs.get((service, name))
    if last is None:
        return ListedSeed(service=service, seed=name, state="never run")
    state: State = "current" if last.digest == seed_digest(registry, service, seed) else "changed"
    return ListedSeed(
        service=service,
        seed=name,
        state=state,
        last_run=last.finished,
        seconds=last.seconds,
        by=last.by,
        rows=last.rows,
    )
