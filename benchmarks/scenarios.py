"""What is compared: the everyday commands of the suite, and each documented or foreign way to the same end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import registries, tools
from benchmarks.measuring import Command, Contender
from benchmarks.project import DOCUMENTED, ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.project import Project

BARE, OURS, FLOOR = "bare invoke", "aegisdb", "psql -1, one file"
EMPTY = "bare --list, empty tasks.py"
WITHOUT_SPARE, COLD, COPIED = "aegisdb, without a spare copy", "aegisdb, cold", "CREATE DATABASE of it, psql"
SECOND = "aegisdb, right after another"
START, MISTYPED, COMPLETION = "invoke --list", "a mistyped task", "completion"
FROM_EMPTY, STATUS, NOTHING = "apply from empty", "status of all services", "apply, nothing pending"
ONE, RESET, ROUNDTRIP = "apply, one revision pending", "reset with seeds", "roundtrip of one service, one round"
DUMPED, ALONE, OPENED, AGAIN = "pg_dump -s", "aegisdb, a process", "aegisdb, connection open", "aegisdb, read before"
FLOOR_FILE, COPY_FILE = "all.sql", "copy.sql"
_COPY = """\
SELECT format('CREATE DATABASE copied TEMPLATE %I STRATEGY wal_log', datname)
  FROM pg_database WHERE datname LIKE '%\\_\\_tpl\\_seeds\\_%' \\gexec
"""
TABLES = (300, 2000)
"""Sizes of the databases whose schema is read."""


def start(project: Project) -> Mapping[str, tuple[Contender, ...]]:
    """What every command pays before it does anything."""
    empty = project.root / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "tasks.py").write_text("")
    # without tasks it lists none, and exits with 1
    bare = Command((sys.executable, "-m", "invoke", "--list"), empty, project.environment(), 1)

    def against_bare(*words: str, code: int = 0) -> tuple[Contender, ...]:
        return (
            Contender(BARE, (project.invoke("--version"),)),
            Contender(EMPTY, (bare,)),
            Contender(OURS, (project.invoke(*words, code=code),)),
        )

    return {
        START: against_bare("--list"),
        COMPLETION: against_bare("--complete", "--", "invoke migrate."),
        MISTYPED: against_bare("migrate.stattus", code=2),
    }


def everyday(project: Project, *, foreign: bool) -> Mapping[str, tuple[Contender, ...]]:
    """Status, apply and reset; for a database and its neighbours in which everything is applied."""
    bare = Contender(BARE, (project.invoke("--version"),))
    return {
        STATUS: (
            bare,
            Contender(OURS, (project.invoke("migrate.status"),)),
            Contender(DOCUMENTED, project.loop("current")),
            *(_foreign(project, "status") if foreign else ()),
        ),
        NOTHING: (
            bare,
            Contender(OURS, (project.invoke("migrate.apply"),)),
            Contender(DOCUMENTED, project.loop("upgrade", "head")),
            *(_foreign(project, "apply") if foreign else ()),
        ),
        ONE: _one_pending(project, bare),
    }


def from_empty(project: Project) -> tuple[Contender, ...]:
    """All revisions of all services, on a database with nothing but the base schema."""

    def anew(database: str) -> Callable[[], None]:
        return lambda: project.anew(database)

    return (
        Contender(BARE, (project.invoke("--version"),)),
        Contender(OURS, (project.invoke("migrate.apply"),), anew(registries.DATABASE)),
        Contender(DOCUMENTED, project.loop("upgrade", "head"), anew(DOCUMENTED)),
        *_foreign(project, "apply", anew),
        Contender(FLOOR, (project.psql("floor", "-1", "-f", FLOOR_FILE),), anew("floor")),
    )


def reset(project: Project, cold: Project) -> tuple[Contender, ...]:
    """A fresh database with seeds. `cold` is the same project again, which loses its server each time."""
    ours = (project.invoke("db.reset"),)

    def forget() -> None:
        run(cold.invoke("db.down", "--volumes", "--yes"))

    def settled(*, spare: bool) -> None:
        forget()  # what its reset left to the background would go on meanwhile
        project.settle(spare=spare)

    def settled_and_reset() -> None:
        settled(spare=True)
        run(ours[0])

    (project.root / COPY_FILE).write_text(_COPY)
    uncopied = project.psql("postgres", "-c", "DROP DATABASE IF EXISTS copied")
    copied = project.psql("postgres", "-f", COPY_FILE)

    def settled_without_copy() -> None:
        settled(spare=True)
        run(uncopied)

    return (
        Contender(BARE, (project.invoke("--version"),), forget),
        Contender(OURS, ours, lambda: settled(spare=True)),
        Contender(SECOND, ours, settled_and_reset),
        Contender(WITHOUT_SPARE, ours, lambda: settled(spare=False)),
        Contender(COPIED, (copied,), settled_without_copy),
        Contender(DOCUMENTED, project.reset(), lambda: settled(spare=True)),
        Contender(COLD, (cold.invoke("db.reset"),), forget),
    )


def roundtrip(project: Project) -> tuple[Contender, ...]:
    """The proof of one service's whole history; the documented way is four processes a revision and proves nothing."""
    service = project.services[0]
    words = (("upgrade", "+1"), ("current",), ("downgrade", "-1"), ("upgrade", "+1"))
    revisions = len(list(project.root.glob(f"services/{service}/alembic/versions/*.py")))
    documented = tuple(project.alembic(service, *each) for _ in range(revisions) for each in words)
    return (
        Contender(
            OURS,
            (project.invoke("migrate.roundtrip", "--service", service, "--all"),),
            lambda: project.settle(spare=True),  # resets were measured before
        ),
        Contender(DOCUMENTED, documented, lambda: project.anew(DOCUMENTED)),
    )


def fingerprint(project: Project, tables: int) -> tuple[Contender, ...]:
    """One reading of a database with about so many tables."""
    name = f"tables{tables}"
    # a step makes a table; each statement commits by itself, as one transaction would hold all locks
    file = registries.one_file(project.root / f"{name}.sql", tables // 10, 10)
    project.anew(name)
    run(project.psql(name, "-c", "SET synchronous_commit = off", "-f", str(file)))

    def reading(*words: str) -> tuple[Command, ...]:
        argv = (sys.executable, "-m", "benchmarks.reading", project.database(name), *words)
        return (Command(argv, ROOT, project.environment(), times_itself=bool(words)),)

    return (
        Contender(DUMPED, (project.pg_dump(name, "-s"),)),
        Contender(ALONE, reading()),
        Contender(OPENED, reading("first")),
        Contender(AGAIN, reading("again")),
    )


def _one_pending(project: Project, bare: Contender) -> tuple[Contender, ...]:
    service = project.services[-1]
    back = project.invoke("migrate.rollback", "--service", service)
    return (
        bare,
        Contender(OURS, (project.invoke("migrate.apply"),), lambda: run(back)),
        Contender(
            DOCUMENTED,
            project.loop("upgrade", "head"),
            lambda: run(project.alembic(service, "downgrade", "-1")),
        ),
    )


def _foreign(
    project: Project, action: str, anew: Callable[[str], Callable[[], None]] | None = None
) -> tuple[Contender, ...]:
    return tuple(
        Contender(tool.name, project.foreign(tool, action), anew(tool.name) if anew else lambda: None)
        for tool in tools.installed()
    )
