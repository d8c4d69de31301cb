"""Seeds with `sql:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Seed
from aegisdb.registry.values import seed_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.document import Key
    from aegisdb.registry.problems import Problem
    from aegisdb.seeds.run import SeedRun


@dataclass(frozen=True, kw_only=True)
class SqlSeed(Seed):
    """A seed that is a SQL file run through psql."""

    EXAMPLE = "sql: FILE"
    HEADING = "`seeds` with `sql`"
    PATHS = ("sql",)
    ALL_OR_NOTHING = True

    sql: str
    """The file, relative to the service."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    timeout: float = 120
    """Total deadline in seconds."""

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """What every seed can have wrong."""
        return seed_problems(key, plain)

    def run(self, run: SeedRun) -> None:
        """Run the file in one transaction; raises as `psql.run_file`."""
        from aegisdb.postgres import psql

        psql.run_file(run.address, run.home / self.sql, bindir=run.bindir, timeout=self.timeout)


KIND = SqlSeed
