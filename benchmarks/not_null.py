"""NOT NULL on a table that somebody writes to: in the steps that `migrate.new` writes, and in one.

`python -m benchmarks.not_null [ROWS]`: a writer does 200 statements a second all the time, one client, and each one's
time is taken: while nothing is migrated, during the steps, of which the backfill is killed ten times, and during the
naive revision.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.invoke import command, environment, invoke
from tests.monorepo import Rev, Svc, build_monorepo, write_revision
from tests.postgres_server import start_server

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_A_SECOND = 200
_KILLS = 10
_TRIGGER = """
CREATE FUNCTION totals() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.total := NEW.price * NEW.pieces; NEW.total_n := NEW.total; RETURN NEW; END $$;
CREATE TRIGGER totals BEFORE INSERT OR UPDATE OF price, pieces ON orders FOR EACH ROW EXECUTE FUNCTION totals()
"""
_COLUMNS = """id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, price int, pieces int, note text, total int,
    total_n int"""
_TABLE = f"CREATE TABLE IF NOT EXISTS orders ({_COLUMNS})"
_FIRST = Rev(id="a0", up=f"op.execute({_TABLE!r})", down='op.drop_table("orders")')
_MODELS = """
class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    price: Mapped[int | None]
    pieces: Mapped[int | None]
    note: Mapped[str | None] = mapped_column(sa.Text)
    total: Mapped[int]
    total_n: Mapped[int | None]
"""
_NAIVE = """
op.execute("UPDATE orders SET total_n = price * pieces WHERE total_n IS NULL")
op.execute("ALTER TABLE orders ALTER total_n SET NOT NULL")
"""


def steps(root: Path) -> list[tuple[str, str]]:
    """What `migrate.new --safe` writes, each step with its revision; the naive revision stands behind them."""
    words = ("migrate.new", "--service", "a", "-m", "require a total", "--safe", "--format", "json")
    ran = invoke(*words, "--fill", "orders.total=price * pieces", cwd=root)
    assert ran.code == 0, ran.err
    found = [(step["what"], step["revision"]) for step in ran.json["result"]["steps"]]
    write_revision(root / "services/a", Rev(id="naive", up=_NAIVE), found[-1][1])
    return found


def write(url: str, rows: int, pipe: Connection) -> None:
    """Write until told to stop; send the seconds that each statement took since the last time asked."""
    chance = random.Random(7)  # noqa: S311  rows at random
    taken: list[float] = []
    with psycopg.connect(url, autocommit=True) as conn:
        due = time.perf_counter()
        while True:
            if pipe.poll():
                pipe.recv()
                pipe.send(taken)
                taken = []
            due = max(due + 1 / _A_SECOND, time.perf_counter() - 1)
            time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            try:
                if chance.random() < 0.1:  # noqa: PLR2004
                    conn.execute("INSERT INTO orders (price, pieces) VALUES (1, 2)")
                else:
                    conn.execute("UPDATE orders SET pieces = pieces + 1 WHERE id = %s", (chance.randrange(rows) + 1,))
            except psycopg.Error as error:
                print(f"  the writer is told: {str(error).splitlines()[0]}", flush=True)
            taken.append(time.perf_counter() - began)


class Writer:
    """The client in a process of its own."""

    def __init__(self, url: str, rows: int) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=write, args=(url, rows, other), daemon=True)
        self._process.start()

    def told(self) -> list[float]:
        """Milliseconds of each statement since the last call."""
        self._pipe.send(None)
        found: list[float] = self._pipe.recv()
        return [1000 * seconds for seconds in found]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join()


def say(what: str, taken: list[float], seconds: float) -> None:
    """A line."""
    ordered = sorted(taken)
    print(
        f"{what:34} {seconds:6.1f} s  {len(taken):6} statements  median {statistics.median(ordered):6.1f} ms"
        f"  99 % {ordered[int(len(ordered) * 0.99)]:7.1f}  99.9 % {ordered[int(len(ordered) * 0.999)]:7.1f}"
        f"  longest {ordered[-1]:8.1f}  over 100 ms: {sum(ms > 100 for ms in ordered)}",  # noqa: PLR2004
        flush=True,
    )


def apply(root: Path, to: str) -> subprocess.Popen[str]:
    """`migrate.apply --to`, in a process group of its own."""
    words = command("migrate.apply", "--service", "a", "--to", to, "--accept", "contract")
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, cwd=root, env=environment(None), text=True, process_group=0, **pipes)


def wait(process: subprocess.Popen[str], *, well: bool = True) -> None:
    """Until it has ended, `well` or not."""
    _, err = process.communicate()
    assert process.returncode == 0 or not well, err
    if process.returncode:
        print(f"  migrate.apply ends with {process.returncode}: {err.strip().splitlines()[-1][:150]}", flush=True)


def _applied(root: Path, to: str) -> None:
    wait(apply(root, to))


def killed(root: Path, url: str, rows: int, to: str) -> None:
    """Start the backfill, and kill it at ten points; it is not ended afterwards."""
    with psycopg.connect(url, autocommit=True) as conn:
        for point in range(1, _KILLS + 1):
            process = apply(root, to)
            while _walked(conn) < rows * point // (_KILLS + 2):
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.kill()
            process.wait()
            print(f"  killed at {_walked(conn)} rows", flush=True)


def _walked(conn: psycopg.Connection) -> int:
    there = conn.execute("SELECT to_regclass('aegisdb.backfills') IS NOT NULL").fetchone()
    found = conn.execute("SELECT walked FROM aegisdb.backfills").fetchone() if there and there[0] else None
    return int(found[0]) if found else 0


def measure(root: Path, url: str, rows: int) -> None:
    """Fill, then each phase with the writer beside it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_TABLE.encode())
        conn.execute(f"INSERT INTO orders (price, pieces, note) SELECT n % 1000, n % 7, md5(n::text)"
                     f" FROM generate_series(1, {rows}) n".encode())  # fmt: skip
        conn.execute(_TRIGGER)
        conn.execute("VACUUM (FREEZE, ANALYZE) orders")
    build_monorepo(root, {"a": Svc(revisions=(_FIRST,), models=_MODELS, owns=("orders",))}, url=url)
    written = steps(root)
    wait(apply(root, "a0"))
    backfill = written[0][1]
    writer = Writer(url, rows)
    time.sleep(1)
    phases: list[tuple[str, Any]] = [
        ("nothing is migrated", lambda: time.sleep(20)),
        ("backfill, killed ten times", lambda: killed(root, url, rows, backfill)),
        *((what, partial(_applied, root, revision)) for what, revision in written),
        ("nothing is migrated", lambda: time.sleep(20)),
        ("the naive revision", lambda: wait(apply(root, "naive"), well=False)),
    ]
    for name, phase in phases:
        writer.told()
        began = time.perf_counter()
        phase()
        say(name, writer.told(), time.perf_counter() - began)
    writer.stop()


def main(rows: int = 5_000_000) -> None:
    """On a server of its own."""
    server = start_server()
    try:
        with tempfile.TemporaryDirectory() as root:
            print(f"{rows} rows, load {os.getloadavg()[0]:.0f}", flush=True)
            measure(Path(root), server.address.url(), rows)
    finally:
        server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
