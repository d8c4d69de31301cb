"""A monorepo with a server of its own, and the commands that contenders run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.servers.wheels import server_directory
from benchmarks.measuring import Command
from benchmarks.registries import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.tools import Tool

ROOT = Path(__file__).parents[1]
DOCUMENTED = "documented"
_SPARES = """FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE '%"kind": "spare"%'"""
_LEFT_BEHIND = "FROM pg_stat_activity WHERE application_name = 'aegisdb: spare copy'"
SETTLED = 3.0
"""Seconds: what is known of a file of the last two is not kept, and a disk works on after a DROP DATABASE."""
_STARTING = 0.5
"""Seconds in which what was left to the background has begun."""
_PATIENCE = 60.0
"""Seconds: a server that keeps no spare copy is measured without one."""


@dataclass(frozen=True)
class Project:
    """The documented way is given by its parts, since nobody wrote it down in one place."""

    root: Path
    services: tuple[str, ...]
    """In the order in which they apply; each is a folder of `services/`."""
    base: tuple[str, ...]
    """SQL files of a new database."""
    seeds: tuple[tuple[str, str], ...]
    """Service and module."""
    posts: tuple[tuple[str, str], ...] = ()
    """Service and shell script: seeds over HTTP."""
    more: tuple[tuple[str, str], ...] = ()
    """More variables of the environment."""
    url: str = ""
    """Of the server's maintenance database, once it runs."""
    build: Path = ROOT
    """The checkout whose tasks run,"""
    python: str = sys.executable
    """and the interpreter of its environment."""

    def started(self) -> Project:
        """The same with its server running, its database reset once, and nothing left to do in the background."""
        time.sleep(SETTLED)  # what is read for the first time is measured where it says "first"
        run(self.invoke("db.reset"))
        running = self.reached()
        running.settle(spare=True)
        return running

    def reached(self) -> Project:
        """The same with the URL of its server, which runs."""
        url = json.loads(run(self.invoke("db.url", "--format", "json")))["result"]["url"]
        return replace(self, url=url.rpartition("/")[0] + "/postgres")

    def database(self, name: str) -> str:
        """URL of another database of the server."""
        return self.url.rpartition("/")[0] + f"/{name}"

    def environment(self, **more: str) -> dict[str, str]:
        """The caller's, without what would lead a contender to another database or keep it from caching byte code."""
        led = ("PG", "AEGIS_", "DATABASE_URL", "PYTHON")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(led)}
        return kept | dict(self.more) | more

    def invoke(self, *words: str, code: int = 0) -> Command:
        """A command of the suite."""
        return Command(
            (self.python, "-m", "invoke", "-r", str(self.build), *words), self.root, self.environment(), code
        )

    def psql(self, database: str, *words: str) -> Command:
        """A psql that stops at the first error."""
        argv = (program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database(database), *words)
        return Command(argv, self.root, self.environment())

    def pg_dump(self, database: str, *words: str) -> Command:
        """A pg_dump of a database of the server."""
        return Command((program("pg_dump"), *words, self.database(database)), self.root, self.environment())

    def alembic(self, service: str, *words: str) -> Command:
        """The documented way: `alembic` in the folder of the service."""
        return self._python(service, "alembic", *words)

    def loop(self, *words: str) -> tuple[Command, ...]:
        """The same for each service."""
        return tuple(self.alembic(service, *words) for service in self.services)

    def reset(self) -> tuple[Command, ...]:
        """The documented way to a fresh database without Docker, on a server that runs."""
        seeds = (self._python(service, module) for service, module in self.seeds)
        posts = (self._script(service, script) for service, script in self.posts)
        return (*self._anew(DOCUMENTED), *self.loop("upgrade", "head"), *seeds, *posts)

    def foreign(self, tool: Tool, action: str) -> tuple[Command, ...]:
        """Another maker's tool, once for each service."""
        url, environment = self.database(tool.name), self.environment()
        return tuple(Command(tool.argv(action, url, service), self.root, environment) for service in self.services)

    def anew(self, database: str) -> None:
        """An empty database with the base schema."""
        for command in self._anew(database):
            run(command)
        os.sync()  # files that were deleted are the disk's work for a while, whoever is measured next
        time.sleep(SETTLED)

    def settle(self, *, spare: bool) -> None:
        """Wait for what the last reset left to the background; with or without the spare copies that it made."""
        time.sleep(_STARTING)
        began = time.monotonic()
        while not self._ask(f"SELECT 1 {_SPARES}") and time.monotonic() - began < _PATIENCE:
            time.sleep(0.1)
        while self._ask(f"SELECT 1 {_LEFT_BEHIND}"):
            time.sleep(0.1)
        if not spare:
            for name in self._ask(f"SELECT datname {_SPARES}"):
                run(self.psql("postgres", "-c", f'DROP DATABASE "{name}"'))

    def _ask(self, sql: str) -> list[str]:
        return run(self.psql("postgres", "-At", "-c", sql)).split()

    def _anew(self, database: str) -> tuple[Command, ...]:
        return (
            self.psql("postgres", "-c", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
            self.psql("postgres", "-c", f"CREATE DATABASE {database}"),
            *(self.psql(database, "-f", file) for file in self.base),
        )

    def _script(self, service: str, script: str) -> Command:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        environment = self.environment(DATABASE_URL=self.database(DOCUMENTED), PATH=path)
        return Command(("sh", "-c", script), self.root / "services" / service, environment)

    def _python(self, service: str, module: str, *words: str) -> Command:
        environment = self.environment(DATABASE_URL=self.database(DOCUMENTED))
        return Command((sys.executable, "-m", module, *words), self.root / "services" / service, environment)


def generate(root: Path, services: int, revisions: int) -> Project:
    """Make a monorepo of that size with nothing but a base schema and histories."""
    # a process: a large monorepo would stay in our memory, and count as everybody's peak
    made = (sys.executable, "-m", "benchmarks.registries", str(root), str(services), str(revisions))
    subprocess.run(made, cwd=ROOT, check=True)
    return Project(root, names(services), ("sql/init.sql",), ())


@contextmanager
def running(project: Project, begin: str = "db.up") -> Iterator[Project]:
    """Run the project's server, which this command starts and which goes with the block."""
    time.sleep(SETTLED)
    try:
        run(project.invoke(begin))
        yield project.reached()
    finally:
        run(project.invoke("db.down", "--volumes", "--yes"))


def run(command: Command) -> str:
    """Run what is not measured; its stdout."""
    done = subprocess.run(
        command.argv, cwd=command.cwd, env=dict(command.env), capture_output=True, text=True, check=False
    )
    if done.returncode != command.code:
        raise SystemExit(f"{' '.join(command.argv)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def program(name: str) -> str:
    """Path of psql or pg_dump, of the embedded server's version where it has them."""
    directory = server_directory()
    return str(directory / name) if directory and (directory / name).exists() else name
