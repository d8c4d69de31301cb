"""Rollouts over 200 members on one embedded server and 20 on a second one, each killed at another point and resumed.

    python -m benchmarks.rollout_deaths [MEMBERS OTHERS [POINT ...]], such as "server, altered"; all of them without one

Each point has a revision of its own, whose data migration commits by itself; before it strikes, some members are done.
Each member must have each revision once, be in the report, and keep nothing of ours but the side schema.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.two_servers import PER_SERVER, Fleet, good, require, two_servers
from tests.engines.workers import kill_workers, workers
from tests.fleets.deaths import (
    AFTER_BLOCK,
    DEATHS,
    IN_BLOCK,
    LOOKING,
    SECOND_STAGE,
    Death,
    left_behind,
    named_sessions,
    reached,
    sessions,
    strike,
)
from tests.monorepo import Rev, write_revision
from tests.running import eventually, looking, rows, running, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOKERS = 4
"""Sessions with which a second coordinator looks at the members of one server."""
DASK = "dask:local:3"
TIME_TO_LIVE = 4
"""Seconds without a sign of life after which Dask takes a worker for dead."""
ON_DASK = (
    Death("dask worker", IN_BLOCK),
    Death("dask worker, stopped", AFTER_BLOCK),
    Death("all dask workers", IN_BLOCK),
    Death("coordinator of dask", AFTER_BLOCK),
)
_UP = """\
with op.get_context().autocommit_block():
    op.execute("INSERT INTO shop_runs SELECT '{id}' FROM pg_sleep(0.5) /* in the block */")
op.execute("SELECT pg_sleep(0.5) /* after the block */")
op.execute("ALTER TABLE shop_items ADD {column} int")
op.execute("SELECT pg_sleep(0.5) /* altered */")"""


def main(first: int, second: int, names: list[str]) -> None:
    """Make the members, and print a line a point."""
    known = {str(death): death for death in (*DEATHS, *ON_DASK)}
    points = [known[name] for name in names or known]
    with (
        tempfile.TemporaryDirectory(prefix="aegisdb-rollouts-") as home,
        two_servers(Path(home), first, second) as fleet,
    ):
        for number, death in enumerate(points, start=2):
            began = time.monotonic()
            print(f"{death}: {_point(fleet, death, number)}; {time.monotonic() - began:.0f} s", flush=True)


def _point(fleet: Fleet, death: Death, number: int) -> str:
    """Begin a rollout of one more revision, let it die, end it, and return what was seen; anything wrong ends all."""
    column = f"price{number}"
    up, down = _UP.format(id=f"a{number}", column=column), f'op.execute("ALTER TABLE shop_items DROP {column}")'
    home = fleet.parts[0].root / "services" / "shop"
    write_revision(home, Rev(id=f"a{number}", up=up, down=down), f"a{number - 1}")
    before = _identifier(fleet)
    with _watched(fleet) as most:
        done = _dies(fleet, death, number)
        identifier = _identifier(fleet)
        decided = 0
        if identifier == before:  # it died before anything was claimed: nobody knows of it
            ended = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json")
            identifier = _identifier(fleet)
        else:
            decided = _decide(fleet, identifier, column)
            ended = fleet.invoke("rollout.resume", identifier, "--format", "json")
    require(ended.code == 0, f"it was resumed with {ended.code}: {ended.err[-2000:]}")
    _require_each_once(fleet, identifier, number)
    behind = [one for part in fleet.parts for one in left_behind(part)]
    require(not behind, f"left behind: {behind[:5]}")
    require(eventually(lambda: not _processes(fleet), 60), f"processes are left: {_processes(fleet)}")
    looking = LOOKERS + 1 if "stopped" in death.victim else 0
    at_work = 2 if death.victim == "worker, stopped" else 1  # the coordinator that lost a worker, and the second one
    require(max(most) <= PER_SERVER * 3 * at_work + looking, f"{max(most)} sessions on a server")
    members = sum(len(part.names) for part in fleet.parts)
    return f"{done} of {members} done before it, {decided} decided by hand, each once; at most {most} sessions"


def _processes(fleet: Fleet) -> list[str]:
    """Processes that work in the fleet's project, its server apart."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            name = (process / "comm").read_text().strip()
            if (process / "cwd").readlink() == fleet.parts[0].root and name != "postgres":
                found.append(f"{name} {process.name}")
    return found


def _dies(fleet: Fleet, death: Death, number: int) -> int:
    """Let a rollout die; how many members were done before."""
    fleet.events.unlink(missing_ok=True)
    words = ["rollout.start", "--fleet", "tenants", "--events", str(fleet.events), "--format", "json"]
    words += ["--engine", DASK] if "dask" in death.victim else []
    env = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{TIME_TO_LIVE}s"}
    members = sum(len(part.names) for part in fleet.parts)
    wanted = 0 if death.moment in {LOOKING, SECOND_STAGE} else members * (5 + number * 17 % 60) // 100
    with running(fleet.parts[0].root, *words, env=env) as begun:
        there = eventually(lambda: _now(fleet, death, wanted) or begun.poll() is not None, 300)
        require(there and begun.poll() is None, f"it ended before: {begun.poll()}")
        wake = _strike(fleet, death, begun)
        done = _done(fleet)
        if "stopped" in death.victim and "dask" not in death.victim:
            other = fleet.invoke("rollout.resume", _identifier(fleet), "--lock-wait", "1", "--format", "json")
            require(other.code != 0, "a second coordinator met no lock")
        wake()
        try:
            begun.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            raise SystemExit("it hangs") from None
        return done


def _now(fleet: Fleet, death: Death, wanted: int) -> bool:
    if _done(fleet) < wanted:
        return False
    if death.moment == SECOND_STAGE:
        return '"stage": "rest"' in _told(fleet) and any(reached(part, IN_BLOCK) for part in fleet.parts)
    return any(reached(part, death.moment) for part in fleet.parts[:1])


def _told(fleet: Fleet) -> str:
    return fleet.events.read_text() if fleet.events.exists() else ""


def _done(fleet: Fleet) -> int:
    return _told(fleet).count('"state": "done", "seconds"')


def _strike(fleet: Fleet, death: Death, begun: subprocess.Popen[str]) -> Callable[[], None]:
    match death.victim:
        case "dask worker":
            os.kill(min(workers(begun.pid)), signal.SIGKILL)
        case "all dask workers":
            kill_workers(begun.pid)
        case "coordinator of dask":
            begun.kill()
        case "dask worker, stopped":
            pid = min(workers(begun.pid))
            os.kill(pid, signal.SIGSTOP)
            time.sleep(3 * TIME_TO_LIVE)
            return lambda: os.kill(pid, signal.SIGCONT) if Path(f"/proc/{pid}").exists() else None
        case _:
            return strike(fleet.parts[0], fleet.servers[0], death, begun.pid)
    return lambda: None


def _identifier(fleet: Fleet) -> str:
    kept = (fleet.parts[0].root / ".aegisdb" / "rollouts").glob("*.json")
    return max((path.stem for path in kept), default="")


def _decide(fleet: Fleet, identifier: str, column: str) -> int:
    """Decide about members that died in the middle, as a person would; how many these were."""
    quiet = eventually(lambda: not any(sessions(part) for part in fleet.parts), 120)
    require(quiet, "a session of somebody who is gone stays")
    asked = fleet.invoke("rollout.status", identifier, "--format", "json")
    named = [one["name"] for one in asked.json["result"]["members"] if one["state"] == "decide"]
    for name in named:
        part, how = fleet.part_of(name), "--rolled-back"
        if rows(part.database(name), f"SELECT FROM shop_runs WHERE revision = 'a{column.removeprefix('price')}'"):
            part.execute(name, f"ALTER TABLE shop_items ADD IF NOT EXISTS {column} int")
            how = "--applied"
        good(fleet.invoke("migrate.resolve", "--target", f"tenants/{name}", "--service", "shop", how))
    return len(named)


def _require_each_once(fleet: Fleet, identifier: str, number: int) -> None:
    wanted = [(f"a{n}", 1) for n in range(2, number + 1)]
    for part in fleet.parts:
        for name in part.names:
            database = part.database(name)
            found = rows(database, "SELECT revision, count(*) FROM shop_runs GROUP BY 1")
            require(sorted(found) == sorted(wanted), f"{name} has {found}")
            require(versions(database, "shop") == [f"a{number}"], f"{name} is at {versions(database, 'shop')}")
            rows(database, f"SELECT price{number} FROM shop_items")
    path = fleet.parts[0].root / "report.json"
    good(fleet.invoke("rollout.report", identifier, "--output", str(path)))
    told: dict[str, Any] = {one["name"]: one["state"] for one in json.loads(path.read_text())["members"]}
    expected = {name for part in fleet.parts for name in part.names}
    require(set(told) == expected and set(told.values()) == {"done"}, f"the report has {told}")


@contextmanager
def _watched(fleet: Fleet) -> Iterator[list[int]]:
    """The most sessions on members, by server, looked at all the while."""
    most = [0] * len(fleet.parts)

    def look() -> None:
        for place, part in enumerate(fleet.parts):
            try:
                most[place] = max(most[place], len(named_sessions(part)))
            except Exception:  # noqa: BLE001, S112  the server is down: then there are none
                continue

    with looking(look):
        yield most


if __name__ == "__main__":
    size, other = map(int, sys.argv[1:3] or ("200", "20"))
    main(size, other, sys.argv[3:])
