"""Seeds: steps that fill data. Run, checked against the tables they fill, and remembered in a ledger."""

from __future__ import annotations

from aegisdb.seeds.execution import SeedRunResult, run_seed, run_seeds, seeds_of, warm
from aegisdb.seeds.ledger import SeedDone
from aegisdb.seeds.sources import Sources, seed_digest, seed_files

__all__ = [
    "SeedDone",
    "SeedRunResult",
    "Sources",
    "run_seed",
    "run_seeds",
    "seed_digest",
    "seed_files",
    "seeds_of",
    "warm",
]
