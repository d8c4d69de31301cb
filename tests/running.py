"""Commands that run while a test looks, kills and waits; and what it looks at."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import command, environment
from tests.monorepo import Rev

_beginning = [0.0]  # of the test that runs, in seconds since 1970: the server is on this machine, with its clock
SLEEP = 'op.execute("SELECT pg_sleep(600)")'


def rows(database: Address, sql: str) -> list[tuple[object, ...]]:
    """What a query gives on a connection of the test's own."""
    with psycopg.connect(database.url(), autocommit=True) as conn:
        return conn.execute(sql.encode()).fetchall()


def versions(database: Address, service: str) -> list[str]:
    """Rows of a service's version table; none where there is no table."""
    try:
        return [str(row[0]) for row in rows(database, f"TABLE alembic_version_{service}")]
    except psycopg.errors.UndefinedTable:
        return []


def nothing_left(database: Address) -> bool:
    """No session and no lock of ours that began with this test; a session outlives its client by a moment.

    Others may hold some for good on the server that tests share, such as the pool of a fixture that outlives a test.
    """
    since = f"a.backend_start >= to_timestamp({_beginning[-1]!r}) AND a.pid <> pg_backend_pid()"
    ours = (
        f"SELECT FROM pg_stat_activity a WHERE a.application_name LIKE 'aegisdb%' AND {since}",
        f"SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND {since}",
    )
    return eventually(lambda: not any(rows(database, sql) for sql in ours), 30)


def begin() -> None:
    """A test begins: `nothing_left` looks at what came after this moment."""
    _beginning[:] = [time.time()]


def eventually(check: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def five(middle: str) -> tuple[Rev, ...]:
    """Five revisions; the third does what the test wants."""
    up = ('op.execute("CREATE TABLE a_1 (id int)")', 'op.execute("CREATE TABLE a_2 (id int)")', middle, "pass", "pass")
    return tuple(Rev(id=f"a{n}", message=f"step {n}", up=body) for n, body in enumerate(up, 1))


def start(root: Path, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`invoke WORDS` as a child in a process group of its own."""
    return subprocess.Popen(
        command(*words),
        cwd=root,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


@contextmanager
def running(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`invoke WORDS` as a child in a process group of its own, killed at the end if it still runs."""
    process = start(root, *words, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def looking(look: Callable[[], object]) -> Iterator[None]:
    """Call `look` every 20 ms beside the block, in a thread."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(0.02):
            look()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def contents(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below it with what is in it; those of a running server come and go meanwhile."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()


def children(pid: int) -> set[int]:
    """All processes below one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            child = int(stat.parent.name)
            found |= {child} | children(child)
    return found


def gone(processes: set[int]) -> bool:
    """Whether none of these processes exists any more."""
    return not any(Path(f"/proc/{process}").exists() for process in processes)


def sleeping(database: Address, part: str = "pg_sleep(600)") -> bool:
    """Whether some session runs a statement that contains `part`."""
    return sleepers(database, part) > 0


def sleepers(database: Address, part: str = "pg_sleep(600)") -> int:
    """How many sessions of the database run such a statement."""
    query = (
        "SELECT FROM pg_stat_activity WHERE query LIKE '%{}%' AND pid <> pg_backend_pid() AND state = 'active'"
        " AND datname = current_database()"
    )
    return len(rows(database, query.format(part)))
