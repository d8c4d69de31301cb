"""The roundtrip on Dask: the same report as without, whatever becomes of the workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.engines.workers import kill_workers, workers
from tests.invoke import anew, environment
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import TestServer
from tests.running import children, eventually, gone, nothing_left, rows, running

WORDS = ("migrate.roundtrip", "--all", "--format", "json")
_TIMES = {"seconds", "up_seconds", "down_seconds"}


def column(name: str, of: str) -> Rev:
    add, drop = f"ALTER TABLE {of} ADD {name} int", f"ALTER TABLE {of} DROP {name}"
    return Rev(id=name, up=f'op.execute("{add}")', down=f'op.execute("{drop}")')


def long(service: str, count: int) -> tuple[Rev, ...]:
    """A history that is proven in parts where there is room."""
    of = f"{service}_t"
    first = Rev(id=f"{service}0", up=table(of), down=f'op.execute("DROP TABLE {of}")')
    return (first, *(column(f"{service}{n}", of) for n in range(1, count)))


WRONG = Rev(id="wrong", up='op.execute("ALTER TABLE left_t ADD more int")', message="leaves a column behind")
SERVICES = {
    "base": Svc(revisions=long("base", 3)),
    "left": Svc(revisions=(*long("left", 2), WRONG), after=("base",)),
    "long": Svc(revisions=long("long", 17)),
}


@pytest.fixture(scope="module")
def place(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Address]]:
    name, root = "roundtrip_elsewhere", tmp_path_factory.mktemp("elsewhere")
    build_monorepo(root, SERVICES, url="${THE_URL}", extra={"project": name})
    with server.own_database(name) as address:
        yield root, address


def timeless(document: Any) -> Any:
    """The document without times."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key not in _TIMES}
    return [timeless(one) for one in document] if isinstance(document, list) else document


@pytest.fixture(scope="module")
def expected(place: tuple[Path, Address]) -> Any:
    """What the proof says without an engine."""
    root, address = place
    ran = anew(*WORDS, cwd=root, env={"THE_URL": address.url()})
    assert ran.code == 6, ran.err
    assert [len(service["revisions"]) for service in ran.json["services"]] == [3, 3, 17]
    return timeless(ran.json)


def scratch(address: Address) -> list[tuple[object, ...]]:
    return rows(
        address, "SELECT datname FROM pg_database WHERE starts_with(datname, current_database() || '__scratch_')"
    )


def test_two_workers_give_the_report_of_none(place: tuple[Path, Address], expected: Any) -> None:
    root, address = place
    ran = anew(*WORDS, "--engine", "dask:local:2", cwd=root, env={"THE_URL": address.url()})
    assert (ran.code, timeless(ran.json)) == (6, expected)
    assert "2 at once on dask:local:2" in ran.err
    assert not re.search(r"Traceback|distributed\.|Nanny|WARN", ran.err), ran.err
    assert nothing_left(address)
    assert eventually(lambda: not scratch(address))


@pytest.mark.parametrize("failures", [0, 3])
def test_workers_that_are_killed_change_nothing(place: tuple[Path, Address], expected: Any, failures: int) -> None:
    """With no failure allowed Dask gives up at once, and the product asks again; else Dask begins again by itself."""
    root, address = place
    env = {"THE_URL": address.url(), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
    with running(root, *WORDS, "--engine", "dask:local:2", env=env) as process:
        assert eventually(lambda: len(scratch(address)) > 1)
        killed, below = kill_workers(process.pid)
        out, err = process.communicate(timeout=120)
    assert len(killed) == 2
    assert (process.returncode, timeless(json.loads(out))) == (6, expected), err
    assert "Traceback" not in err
    assert failures or "the engine does not know how it ended (KilledWorker" in err
    assert eventually(lambda: gone(killed | below))
    assert nothing_left(address)
    assert eventually(lambda: not scratch(address))


def test_ctrl_c_ends_the_workers(place: tuple[Path, Address]) -> None:
    root, address = place
    with running(root, *WORDS, "--engine", "dask:local:2", env={"THE_URL": address.url()}) as process:
        assert eventually(lambda: len(scratch(address)) > 1)
        ended = {one for worker in workers(process.pid) for one in (worker, *children(worker))}
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not re.search(r"Traceback|distributed\.|Nanny", err), err
    assert eventually(lambda: gone(ended))
    assert nothing_left(address)
    assert eventually(lambda: not scratch(address))


SCHEDULER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def scheduler(place: tuple[Path, Address], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of somebody's cluster, whose workers know the project's URL by themselves."""
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(SCHEDULER)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"THE_URL": place[1].url()}),
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=60)


def test_a_scheduler_of_others_gives_the_same_report(
    place: tuple[Path, Address], expected: Any, scheduler: str
) -> None:
    root, address = place
    ran = anew(*WORDS, "--engine", f"dask:{scheduler}", cwd=root, env={"THE_URL": address.url()})
    assert (ran.code, timeless(ran.json)) == (6, expected)
    assert f"2 at once on dask:{scheduler}" in ran.err


def test_a_worker_that_sees_something_else_proves_nothing(place: tuple[Path, Address], scheduler: str) -> None:
    """A worker reads variables of its own: here they lead to another database than those of the command."""
    root, address = place
    other = address.with_database("roundtrip_elsewhere_2")
    with psycopg.connect(address.url(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {other.database}")
    ran = anew(*WORDS, "--engine", f"dask:{scheduler}", cwd=root, env={"THE_URL": other.url()})
    assert (ran.code, ran.json["errors"][0]["code"]) == (3, "engine_differs")
    assert "sees other files than this run" in ran.last


def test_where_no_scheduler_answers_nothing_is_proven(place: tuple[Path, Address]) -> None:
    root, address = place
    words = (*WORDS, "--engine", "dask:tcp://127.0.0.1:1")
    ran = anew(*words, cwd=root, env={"THE_URL": address.url()})
    assert (ran.code, ran.json["errors"][0]["code"]) == (7, "engine_unreachable")
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in ran.last


def test_without_the_extra_the_command_that_installs_it_is_told(place: tuple[Path, Address], tmp_path: Path) -> None:
    root, address = place
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['distributed'] = None\n")
    env = {"THE_URL": address.url(), "PYTHONPATH": str(tmp_path)}
    ran = anew(*WORDS, "--engine", "dask:local:2", cwd=root, env=env)
    assert (ran.code, ran.json["errors"][0]["code"]) == (2, "engine_missing")
    assert "pip install 'aegisdb[dask]'" in ran.last
