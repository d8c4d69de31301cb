"""Seeds with `sql:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Seed

if TYPE_CHECKING:
    from pathlib import Path

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

    def beyond_files(self, home: Path) -> str:
        """A command of psql's may lead out of it."""
        from aegisdb.postgres.psql_commands import ENCODING, commands

        found = commands((home / self.sql).read_bytes().decode(ENCODING))
        return f"{self.sql} has commands of psql's" if found else ""

    def run(self, run: SeedRun) -> None:
        """Run the file in one transaction; raises as `psql.run_file`."""
        from aegisdb.postgres import psql

        psql.run_file(run.address, run.home / self.sql, bindir=run.bindir, timeout=self.timeout)


KIND = SqlSeed
