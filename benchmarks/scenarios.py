"""What is compared: the everyday commands of the suite, and each documented or foreign way to the same end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from aegisdb.servers.binaries import wheel_directory
from benchmarks import registries
from benchmarks.measuring import Command, Contender

ROOT = Path(__file__).parents[1]
BARE, OURS, DOCUMENTED, FLOOR, DBMATE = "bare invoke", "aegisdb", "documented", "psql -1, one file", "dbmate"


@dataclass(frozen=True)
class Bench:
    """A monorepo of a size, with its embedded server running."""

    root: Path
    services: int
    revisions: int
    url: str
    """Of the server's maintenance database."""

    def database(self, name: str) -> str:
        """URL of another database of the server."""
        return self.url.rpartition("/")[0] + f"/{name}"

    def invoke(self, *words: str, code: int = 0) -> Command:
        """A command of the suite."""
        return Command((sys.executable, "-m", "invoke", "-r", str(ROOT), *words), self.root, _environment(), code)

    def psql(self, database: str, *words: str) -> Command:
        """A psql that stops at the first error."""
        argv = (_psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database(database), *words)
        return Command(argv, self.root, _environment())

    def loop(self, *words: str) -> tuple[Command, ...]:
        """The documented way: `alembic` in the folder of each service."""
        alembic = (sys.executable, "-m", "alembic", *words)
        return tuple(
            Command(alembic, self.root / "services" / name, _environment()) for name in registries.names(self.services)
        )

    def dbmate(self, word: str) -> tuple[Command, ...]:
        """The same as a loop of dbmate."""
        program = shutil.which("dbmate") or ""
        shared = ("--url", self.database("dbmate") + "?sslmode=disable", "--no-dump-schema", "--migrations-table")
        return tuple(
            Command((program, *shared, f"m_{name}", "-d", f"dbmate/{name}", word), self.root, _environment())
            for name in registries.names(self.services)
        )

    def anew(self, database: str, *, init: bool = True) -> None:
        """An empty database with the base schema."""
        run(self.psql("postgres", "-c", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
        run(self.psql("postgres", "-c", f"CREATE DATABASE {database}"))
        if init:
            run(self.psql(database, "-f", "sql/init.sql"))


def start(root: Path, services: int, revisions: int) -> Bench:
    """Make the monorepo and start its server."""
    registries.make(root, services, revisions)
    bench = Bench(root, services, revisions, "")
    run(bench.invoke("db.reset"))
    printed = run(bench.invoke("db.url", "--format", "json"))
    url = json.loads(printed)["result"]["url"]
    bench = Bench(root, services, revisions, url.rpartition("/")[0] + "/postgres")
    registries.point_alembic_at(root, services, bench.database("documented"))
    registries.dbmate_files(root, services, revisions)
    registries.one_file(root / "all.sql", services, revisions)
    return bench


def scenarios(bench: Bench) -> dict[str, tuple[Contender, ...]]:
    """All comparisons, by what they do."""
    bare = Contender(BARE, (bench.invoke("--version"),))
    return {
        "invoke --list": (bare, Contender(OURS, (bench.invoke("--list"),))),
        "a mistyped task": (bare, Contender(OURS, (bench.invoke("migrate.stattus", code=2),))),
        "apply from empty": _from_empty(bench),
        "status of all services": (
            bare,
            Contender(OURS, (bench.invoke("migrate.status"),)),
            Contender(DOCUMENTED, bench.loop("current")),
            *_with_dbmate(bench, "status"),
        ),
        "apply, nothing pending": (
            bare,
            Contender(OURS, (bench.invoke("migrate.apply"),)),
            Contender(DOCUMENTED, bench.loop("upgrade", "head")),
            *_with_dbmate(bench, "migrate"),
        ),
        "warm reset": (
            bare,
            Contender(OURS, (bench.invoke("db.reset"),)),
            Contender(DOCUMENTED, (*_anew(bench, "documented"), *bench.loop("upgrade", "head"))),
        ),
    }


def roundtrip(bench: Bench) -> tuple[Contender, ...]:
    """The proof of one service's whole history; the documented way is four processes a revision and proves nothing."""
    service = registries.names(bench.services)[0]
    words = (("upgrade", "+1"), ("current",), ("downgrade", "-1"), ("upgrade", "+1"))
    home = bench.root / "services" / service
    documented = tuple(
        Command((sys.executable, "-m", "alembic", *each), home, _environment())
        for _ in range(bench.revisions)
        for each in words
    )
    return (
        Contender(OURS, (bench.invoke("migrate.roundtrip", "--service", service, "--all"),)),
        Contender(DOCUMENTED, documented, lambda: bench.anew("documented")),
    )


def _from_empty(bench: Bench) -> tuple[Contender, ...]:
    return (
        Contender(OURS, (bench.invoke("migrate.apply"),), lambda: bench.anew(registries.DATABASE)),
        Contender(DOCUMENTED, bench.loop("upgrade", "head"), lambda: bench.anew("documented")),
        *_with_dbmate(bench, "migrate", lambda: bench.anew("dbmate")),
        Contender(FLOOR, (bench.psql("floor", "-1", "-f", "all.sql"),), lambda: bench.anew("floor")),
    )


def _with_dbmate(bench: Bench, word: str, prepare: object = None) -> tuple[Contender, ...]:
    if shutil.which("dbmate") is None:
        return ()
    return (Contender(DBMATE, bench.dbmate(word), prepare if callable(prepare) else (lambda: None)),)


def _anew(bench: Bench, database: str) -> tuple[Command, ...]:
    return (
        bench.psql("postgres", "-c", f"DROP DATABASE IF EXISTS {database}"),
        bench.psql("postgres", "-c", f"CREATE DATABASE {database}"),
        bench.psql(database, "-f", "sql/init.sql"),
    )


def run(command: Command) -> str:
    """Run what is not measured; its stdout."""
    done = subprocess.run(
        command.argv, cwd=command.cwd, env=dict(command.env), capture_output=True, text=True, check=False
    )
    if done.returncode != command.code:
        raise SystemExit(f"{' '.join(command.argv)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def _psql() -> str:
    directory = wheel_directory()
    return str(directory / "psql") if directory else "psql"


def _environment() -> dict[str, str]:
    """The caller's, without what would lead a contender to another database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AEGIS_", "DATABASE_URL"))}
