"""The base schema for tests: loaded by psql as a person would, read back by pg_dump."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from aegisdb.postgres.address import Address
from tests.postgres_server import BIN

ROOT = Path(__file__).parents[1]
INIT_FILES = tuple(
    ROOT / "sql" / "init" / name
    for name in (
        "00-create-extension-age.sql",
        "init.sql",
        "002_checklist_compliance_tables.sql",
        "007_entity_type_definitions.sql",
    )
)
DEPLOY_FILES = tuple(sorted((ROOT / "sql" / "deploy").glob("*.sql")))


def run_sql(address: Address, *files: Path, single_transaction: bool = True) -> None:
    """Run files through psql; the first error fails the test with psql's own words."""
    once = ["-1"] if single_transaction else []
    for file in files:
        done = _run(address, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *once, "-f", str(file))
        assert done.returncode == 0, done.stderr


def schema_text(address: Address, *tables: str) -> str:
    """`pg_dump --schema-only` without Alembic's version tables; only the named tables when there are any."""
    chosen = [f"--table={table}" for table in tables] or ["--exclude-table=alembic_version_*"]
    done = _run(address, "pg_dump", "--schema-only", "--restrict-key=fixed", *chosen)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(address: Address, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {
        "PGHOST": address.host,
        "PGPORT": str(address.port),
        "PGUSER": address.user,
        "PGPASSWORD": address.password.reveal(),
        "PGDATABASE": address.database,
        "PGOPTIONS": "-c client_min_messages=warning",
    }
    return subprocess.run(
        [str(BIN / program), *args], env=environ, capture_output=True, text=True, check=False, timeout=120
    )
