"""How commands that ask a fleet grow with its members: seconds, and sessions of ours on the server.

    python -m benchmarks.fleets [SERVICES REVISIONS]

Members are template copies on one embedded server, and with the last size some on a second one. The loop over targets
is measured on one of them before and after each command that asks the fleet, and multiplied.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from benchmarks.project import generate, run, running
from benchmarks.registries import DATABASE
from tests.running import looking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Command
    from benchmarks.project import Project

SIZES = (1, 10, 100, 200)
ELSEWHERE = 20
"""Members on the second server, beside the 200."""
DIFFERENT = 6
"""Exit code of verify: generated services have no models."""
ROUNDS = 3
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, 'tenant_')"


def main(services: int, revisions: int) -> None:
    """Make the tenants, and print a line a size."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        homes = [Path(folder) / name for name in ("fleet", "second")]
        first, second = (ending.enter_context(running(generate(home, services, revisions))) for home in homes)
        for project, members in ((first, max(SIZES)), (second, ELSEWHERE)):
            project.anew(DATABASE)
            run(project.invoke("migrate.apply"))
            with psycopg.connect(project.url, autocommit=True) as conn:
                for n in range(members):
                    conn.execute(f'CREATE DATABASE tenant_{n} TEMPLATE "{DATABASE}"')
        fleets = [*map(str, SIZES), f"{max(SIZES)}and{ELSEWHERE}"]
        _list(first, second)
        for verb, code in (("migrate.status", 0), ("migrate.verify", DIFFERENT)):
            for fleet in fleets:
                _measure(first, verb, code, fleet)


def _list(first: Project, second: Project) -> None:
    """Name the fleets in services.yaml."""
    path = first.root / "services.yaml"
    document = json.loads(path.read_text())
    server, there = (project.url.rpartition("/")[0] for project in (first, second))
    before, port = server.rpartition(":")[::2]
    here = [{"name": f"tenant_{n}", "database": f"tenant_{n}", "port": port} for n in range(max(SIZES))]
    others = [
        {"name": f"other_{n}", "database": f"tenant_{n}", "port": there.rpartition(":")[2]} for n in range(ELSEWHERE)
    ]
    listed = {str(size): here[:size] for size in SIZES} | {f"{max(SIZES)}and{ELSEWHERE}": here + others}
    url = f"{before}:{{port}}/{{database}}"
    document["fleets"] = {f"of{name}": {"members": {"list": members}, "url": url} for name, members in listed.items()}
    path.write_text(json.dumps(document))


def _measure(project: Project, verb: str, code: int, fleet: str) -> None:
    alone = project.invoke(verb, "--target", f"of{fleet}/tenant_0", code=code)
    together = project.invoke(verb, "--fleet", f"of{fleet}", code=code)
    run(alone), run(together)  # these fill the caches
    ones, samples = [_seconds(project, alone)[0]], []
    for _ in range(ROUNDS):
        samples.append(_seconds(project, together))
        ones.append(_seconds(project, alone)[0])
    seconds, sessions, one = median(s for s, _ in samples), max(n for _, n in samples), median(ones)
    loop = sum(map(int, fleet.split("and"))) * one
    print(
        f"{verb} --fleet of {fleet}: {seconds:.2f} s ({seconds / one:.1f} x one, which is {one:.2f} s; the loop"
        f" {loop:.0f} s, {loop / seconds:.1f} x), at most {sessions} sessions on the first server",
        flush=True,
    )


def _seconds(project: Project, command: Command) -> tuple[float, int]:
    with _watched(project) as most:
        began = time.perf_counter()
        run(command)
        seconds = time.perf_counter() - began
    return seconds, max(most)


@contextmanager
def _watched(project: Project) -> Iterator[list[int]]:
    """The sessions on tenants, looked at every 20 ms."""
    most = [0]
    with psycopg.connect(project.url, autocommit=True) as conn:

        def look() -> None:
            row = conn.execute(_SESSIONS).fetchone()
            most.append(row[0] if row else 0)

        with looking(look):
            yield most


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3] or (3, 20)))
