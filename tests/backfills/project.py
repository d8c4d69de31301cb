"""A service whose third revision is a backfill, and a table with so many rows for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.monorepo import Rev, Svc, build_monorepo

FILL = 'aegisdb.backfill("a_1", set="y = x * 2, times = times + 1", where="y IS NULL", {more})'
TABLE = "CREATE TABLE a_1 (id bigint PRIMARY KEY, x int, y int, times int NOT NULL DEFAULT 0)"


def project(
    root: Path, database: Address, up: str = "", *, table: str = TABLE, more: str = "share=1.0", env: str = "sync"
) -> Path:
    """Revisions a1 (the table), a2 (the backfill) and a3 (NOT NULL)."""
    revisions = (
        Rev(id="a1", up=f'op.execute("""{table}""")', down='op.execute("DROP TABLE a_1")'),
        Rev(id="a2", head="import aegisdb", up=up or FILL.format(more=more)),
        Rev(
            id="a3",
            up='op.execute("ALTER TABLE a_1 ALTER y SET NOT NULL")',
            down='op.execute("ALTER TABLE a_1 ALTER y DROP NOT NULL")',
        ),
    )
    service = Svc(revisions=revisions, env=env)
    return build_monorepo(root, {"a": service}, url=database.url())


def run(database: Address, *statements: str) -> None:
    """Run these on a connection of the test's own."""
    with psycopg.connect(database.url(), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def fill(database: Address, count: int) -> None:
    """Rows 1 to `count`, of which none is done."""
    run(database, f"INSERT INTO a_1 (id, x) SELECT n, n FROM generate_series(1, {count}) n", "ANALYZE a_1")  # noqa: S608


def alembic(root: Path, database: Address, *words: str) -> subprocess.CompletedProcess[str]:
    """Plain Alembic in the service's directory, on this database."""
    home = root / "services" / "a"
    ini = home / "plain.ini"
    lines = (home / "alembic.ini").read_text().splitlines()
    url = f"sqlalchemy.url = {database.url().replace('postgresql://', 'postgresql+psycopg://', 1)}".replace("%", "%%")
    ini.write_text("\n".join(url if line.startswith("sqlalchemy.url") else line for line in lines) + "\n")
    command = [sys.executable, "-m", "alembic", "-c", "plain.ini", *words]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=120)
