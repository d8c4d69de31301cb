"""Seeds with `sql:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Seed

if TYPE_CHECKING:
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

    def run(self, run: SeedRun) -> None:
        """Run the file in one transaction; raises as `psql.run_file`."""
        from aegisdb.postgres import psql

        psql.run_file(run.address, run.home / self.sql, bindir=run.bindir, timeout=self.timeout)


KIND = SqlSeed
