"""Runs, each written as Markdown: what was measured, and which budgets hold."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.results import Result
from benchmarks import aegis, against, budgets, databases_of_tests, growth, registries, scenarios, tools
from benchmarks.measuring import compare
from benchmarks.project import DOCUMENTED, generate, program, run
from benchmarks.scenarios import BARE, FROM_EMPTY, OURS, RESET, ROUNDTRIP, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.measuring import Contender, Samples
    from benchmarks.project import Project

    Found = dict[str, dict[str, Samples]]

_HEAD = "| what | who | ms | CPU ms | peak MB | x bare invoke | documented / it |\n|---|---|--:|--:|--:|--:|--:|"


@dataclass(frozen=True, kw_only=True)
class BenchResult(Result):
    """What was measured."""

    table: str
    """Markdown."""


def measure(*, services: int, revisions: int, rounds: int, with_roundtrip: bool) -> str:
    """Everything of one size, in a project and on a server of its own that are gone afterwards."""
    found: Found = {}
    with _folder() as folder:
        cold = _generated(folder / "cold", services, revisions)
        with _running(_generated(folder / "bench", services, revisions), cold) as project:
            registries.point_alembic_at(project.root, services, project.database(DOCUMENTED))
            registries.one_file(project.root / scenarios.FLOOR_FILE, services, revisions)
            for tool in tools.installed():
                tools.write(project.root, tool, services, revisions, program("psql"))
            found |= _compared(scenarios.start(project), rounds)
            found[FROM_EMPTY] = compare(FROM_EMPTY, scenarios.from_empty(project), rounds)
            found |= _compared(scenarios.everyday(project, foreign=True), rounds)
            found[RESET] = compare(RESET, scenarios.reset(project, cold), rounds)
            if with_roundtrip:
                found[ROUNDTRIP] = compare(ROUNDTRIP, scenarios.roundtrip(project), 1)
    return _page(f"{services} services x {revisions} revisions", rounds, found, services, revisions)


def measure_aegis(*, rounds: int) -> str:
    """This repository's own registry, in copies of it."""
    found: Found = {}
    with _folder() as folder:
        cold = aegis.copy(folder / "cold")
        with _running(aegis.copy(folder / "bench"), cold) as project:
            found[RESET] = compare(RESET, scenarios.reset(project, cold), rounds)
            found |= _compared(scenarios.everyday(project, foreign=False), rounds)
            found[ROUNDTRIP] = compare(ROUNDTRIP, scenarios.roundtrip(project), 1)
    return _page("The services of AEGIS", rounds, found)


def measure_growth(*, rounds: int, only: str = "") -> str:
    """Many services and long histories."""
    with _folder() as folder:
        found = dict(growth.measure(folder, rounds, only))
    page = _page(f"{datetime.now(tz=UTC):%Y-%m-%d}, registries of several sizes, nothing applied", rounds, found)
    return "\n".join([page, "", growth.HEAD, *growth.rows(found)])


def measure_against(other: Path, *, rounds: int, only: str) -> str:
    """This build and another one, a checkout with its environment in `.venv`."""
    asked = ("git", "-C", str(other), "rev-parse", "--short", "HEAD")
    commit = subprocess.run(asked, capture_output=True, text=True, check=True)
    with _folder() as folder:
        found = dict(against.measure(folder, other.resolve(), rounds, only))
    what = f"{datetime.now(tz=UTC):%Y-%m-%d}, this build against {commit.stdout.strip()}"
    return "\n".join([_page(what, rounds, found), "", against.HEAD, *against.rows(found)])


def measure_fingerprint(*, rounds: int) -> str:
    """Reading a schema."""
    with _folder() as folder, _running(_generated(folder / "bench", 1, 1)) as project:
        found = {
            f"fingerprint of {tables} tables": compare(
                f"fingerprint of {tables} tables", scenarios.fingerprint(project, tables), rounds
            )
            for tables in TABLES
        }
    return _page("Databases of several sizes", rounds, found)


def measure_instead(*, rounds: int, aegis: bool, growth: bool, fingerprint: bool, only: str) -> str:
    """The page of the one that is asked for; empty for none."""
    if growth:
        return measure_growth(rounds=rounds, only=only)
    asked = ((aegis, measure_aegis), (fingerprint, measure_fingerprint))
    return next((measure_it(rounds=rounds) for wanted, measure_it in asked if wanted), "")


def measure_tests(*, rounds: int) -> str:
    """A database for each test."""
    services, revisions = 3, 10
    with _folder() as folder, _running(_generated(folder / "bench", services, revisions)) as project:
        found = databases_of_tests.measure(project, rounds)
    return _page(f"{services} services x {revisions} revisions", rounds, found, services, revisions)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aegisdb-bench-") as directory:
        Path(directory).chmod(0o755)  # where root starts it, the server runs as another user
        yield Path(directory)


@contextmanager
def _running(project: Project, *others: Project) -> Iterator[Project]:
    try:
        yield project.started()
    finally:
        for each in (project, *others):
            run(each.invoke("db.down", "--volumes", "--yes"))


def _generated(root: Path, services: int, revisions: int) -> Project:
    seeds = tuple((registries.names(1)[0], module) for module in registries.SEEDS)
    return replace(generate(root, services, revisions), seeds=seeds)


def _compared(comparisons: Mapping[str, tuple[Contender, ...]], rounds: int) -> Found:
    return {name: compare(name, each, rounds) for name, each in comparisons.items()}


def _page(what: str, rounds: int, found: Found, services: int = 0, revisions: int = 0) -> str:
    rows = [row for name, samples in found.items() for row in _rows(name, samples)]
    lines = [_what(what, rounds), "", _HEAD, *rows]
    if judged := list(budgets.rows(found, services, revisions)):
        lines += ["", budgets.HEAD, *judged]
    return "\n".join(lines)


def _rows(name: str, found: dict[str, Samples]) -> Iterator[str]:
    bare = found[BARE].median if BARE in found else 0.0
    documented = found[DOCUMENTED].median if DOCUMENTED in found else 0.0
    for who, samples in found.items():
        against_bare = f"{samples.median / bare:.2f}" if bare else ""
        against_documented = f"{documented / samples.median:.1f}" if documented and who != BARE else ""
        bold = f"**{who}**" if who.startswith(OURS) else who
        yield (
            f"| {name} | {bold} | {samples.median:.0f} | {samples.median_cpu:.0f} | {samples.peak:.0f}"
            f" | {against_bare} | {against_documented} |"
        )


def _what(what: str, rounds: int) -> str:
    named = [f"{package} {version(package)}" for package in ("alembic", "sqlalchemy", "psycopg", "invoke")]
    named += [tool.version for tool in tools.installed()]
    load = os.getloadavg()[2]
    return (
        f"{what}, {rounds} interleaved rounds, medians of whole processes."
        f" Python {platform.python_version()}, {', '.join(named)}; {os.cpu_count()} CPUs, load {load:.1f}."
    )
