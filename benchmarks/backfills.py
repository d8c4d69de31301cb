"""A backfill against the best batch loop that one writes by hand in psycopg, on the same table, in turns.

python -m benchmarks.backfills [ROWS [TURNS [KINDS]]]
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

import aegisdb
from tests.postgres_server import TestServer, start_server

if TYPE_CHECKING:
    from collections.abc import Callable

revision, down_revision = "b2", "b1"  # a backfill asks the file that calls it
TABLES = {
    "bigint": ("id bigint PRIMARY KEY", "n"),
    "uuid": ("id uuid PRIMARY KEY", "gen_random_uuid()"),
    "two columns": ("tenant int, id int, PRIMARY KEY (tenant, id)", "n % 20, n"),
}
SET, WHERE = "total = price * pieces", "total IS NULL"
SIZES = (1000, 5000, 20_000)
HOLDS = (0.05, 0.5)  # the default, which bounds what others wait for, and one that lets a batch be as large as by hand


def fill(url: str, kind: str, rows: int) -> None:
    """The table anew, as it is after years: vacuumed, analyzed, nothing of it to be written."""
    columns, key = TABLES[kind]
    names = "tenant, id" if kind == "two columns" else "id"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS orders")
        conn.execute("DROP SCHEMA IF EXISTS aegisdb CASCADE")
        conn.execute(f"CREATE TABLE orders ({columns}, price int, pieces int, note text, total int)".encode())
        conn.execute(
            f"INSERT INTO orders ({names}, price, pieces, note) SELECT {key}, n % 1000, n % 7, md5(n::text)"
            f" FROM generate_series(1, {rows}) n".encode()
        )
        conn.execute("VACUUM (FREEZE, ANALYZE) orders")
        conn.execute("CHECKPOINT")


def by_hand(url: str, kind: str, size: int) -> float:
    """Ranges of the key, each committed; commits wait for the disk no more than those of a backfill."""
    key, kinds = ("(tenant, id)", "%s, %s") if kind == "two columns" else ("(id)", "%s")
    names = key.strip("()")
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        low: tuple[object, ...] | None = None
        while True:
            above = f"{key} > ({kinds})" if low else "true"
            high = conn.execute(
                f"SELECT {names} FROM orders WHERE {above} ORDER BY {names} OFFSET {size - 1} LIMIT 1".encode(), low
            ).fetchone()
            upto = f" AND {key} <= ({kinds})" if high else ""
            values = (*(low or ()), *(high or ()))
            conn.execute(f"UPDATE orders SET {SET} WHERE {above}{upto} AND {WHERE}".encode(), values)
            if high is None:
                break
            low = high
        conn.execute(f"SELECT FROM orders WHERE {WHERE} LIMIT 1".encode())
    return time.perf_counter() - began


def by_backfill(url: str, hold: float) -> float:
    """The same by `aegisdb.backfill`, with its table of progress, as in plain Alembic."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)
    began = time.perf_counter()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with context.begin_transaction(_per_migration=True), Operations.context(context):
            aegisdb.backfill("orders", set=SET, where=WHERE, share=1.0, hold=hold)
    return time.perf_counter() - began


def measure(server: TestServer, kind: str, rows: int, turns: int) -> None:
    """A line a contender: median, and the spread."""
    url = server.address.url()
    contenders: dict[str, Callable[[], float]] = {
        f"by hand, {size} rows a batch": partial(by_hand, url, kind, size) for size in SIZES
    }
    for hold in HOLDS:
        contenders[f"aegisdb.backfill, hold={hold}"] = partial(by_backfill, url, hold)
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, contend in contenders.items():
            fill(url, kind, rows)
            taken[name].append(contend())
            with psycopg.connect(url) as conn:
                left = conn.execute(f"SELECT count(*) FROM orders WHERE {WHERE}".encode()).fetchone()
                assert left == (0,), f"{name} left {left}"
    best = min(statistics.median(times) for name, times in taken.items() if name.startswith("by hand"))
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{kind:12} {name:28} {median:7.2f} s ({min(times):.2f} to {max(times):.2f})"
              f" {rows / median:9.0f} rows/s {median / best:5.2f} x the best loop", flush=True)  # fmt: skip


def main(rows: int = 1_000_000, turns: int = 5, kinds: int = len(TABLES)) -> None:
    """All kinds of keys, or the first so many, on a server of its own."""
    server = start_server()
    try:
        print(f"{rows} rows, {turns} turns, PostgreSQL on this machine", flush=True)
        for kind in list(TABLES)[:kinds]:
            measure(server, kind, rows, turns)
    finally:
        server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
