"""How commands that ask a fleet grow with its members: seconds, and sessions of ours on the server.

    python -m benchmarks.fleets [SERVICES REVISIONS]

Members are template copies on one embedded server. The loop over targets is measured on a few of them and multiplied.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
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
DIFFERENT = 6
"""Exit code of verify: generated services have no models."""
LOOPED = 3
"""Members of the loop that is measured."""
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, 'tenant_')"


def main(services: int, revisions: int) -> None:
    """Make the tenants, and print a line a size."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(generate(Path(folder) / "fleet", services, revisions)) as project,
    ):
        project.anew(DATABASE)
        run(project.invoke("migrate.apply"))
        _tenants(project)
        _measure(project)


def _tenants(project: Project) -> None:
    with psycopg.connect(project.url, autocommit=True) as conn:
        for n in range(max(SIZES)):
            conn.execute(f'CREATE DATABASE tenant_{n} TEMPLATE "{DATABASE}"')
    path = project.root / "services.yaml"
    document = json.loads(path.read_text())
    server = project.url.rpartition("/")[0]
    document["fleets"] = {
        f"of{size}": {"members": {"list": [f"tenant_{n}" for n in range(size)]}, "url": f"{server}/{{name}}"}
        for size in SIZES
    }
    path.write_text(json.dumps(document))


def _measure(project: Project) -> None:
    for verb, code in (("migrate.status", 0), ("migrate.verify", DIFFERENT)):
        alone = project.invoke(verb, "--target", "of1/tenant_0", code=code)
        looped = [_seconds(project, alone)[0] for _ in range(1 + LOOPED)]
        one = median(looped[1:])  # the first one fills the caches
        print(f"{verb} --target of one member: {one:.2f} s")
        for size in SIZES:
            command = project.invoke(verb, "--fleet", f"of{size}", code=code)
            samples = [_seconds(project, command) for _ in range(3)]
            seconds, sessions = median(s for s, _ in samples), max(n for _, n in samples)
            loop = size * one
            print(
                f"{verb} --fleet of {size}: {seconds:.2f} s ({seconds / one:.1f} x one; the loop {loop:.0f} s,"
                f" {loop / seconds:.1f} x), at most {sessions} sessions"
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
