"""Working on aegisdb itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result

_ROOT = Path(__file__).parents[2]


@task(workspace=False, help={"check": "Write nothing; exit with 6 if a file is out of date."})
def docs(c: Context, check: bool = False) -> Result:
    """Write docs/tasks, which is made from the tasks.

    Example:
        invoke dev.docs --check
    """
    from aegisdb.cli.docs import generated
    from aegisdb.workflows.generated_files import write_files

    from .. import collect

    return write_files(generated(collect(), _ROOT), _ROOT, check=check)


@task(
    workspace=False,
    help={
        "services": "How many services the measured project has.",
        "revisions": "How many revisions each of them has.",
        "rounds": "How often everything is measured, in turns.",
        "roundtrip": "Also the proof of one whole history, once; the documented way takes minutes.",
        "aegis": "Instead: this repository's own registry, in a copy.",
        "growth": "Instead: status, lint, plan, roundtrip and verify of up to 2,000 revisions and 1,000 services.",
        "fingerprint": "Instead: reading the schema of 300 and of 2,000 tables, against pg_dump -s.",
        "against": "Instead: another build, a checkout with its environment in .venv, in turns with this one.",
        "only": "With --against or --growth: only what is called by one of these words (comma-separated).",
    },
)
def bench(  # noqa: PLR0913, PLR0917  each is a flag
    c: Context,
    services: int = 3,
    revisions: int = 10,
    rounds: int = 5,
    roundtrip: bool = False,
    aegis: bool = False,
    growth: bool = False,
    fingerprint: bool = False,
    against: str = "",
    only: str = "",
) -> Result:
    """Measure the suite against the documented way, as Markdown: a table, and which budgets hold.

    Examples:
        invoke dev.bench --services 10 --revisions 30
        invoke dev.bench --against ../aegisdb-before --only "roundtrip, plan" --rounds 3
    """
    from benchmarks import table

    if against:
        return table.BenchResult(table=table.measure_against(Path(against), rounds=rounds, only=only))
    page = table.measure_instead(rounds=rounds, aegis=aegis, growth=growth, fingerprint=fingerprint, only=only)
    page = page or table.measure(services=services, revisions=revisions, rounds=rounds, with_roundtrip=roundtrip)
    return table.BenchResult(table=page)


@task(workspace=False, help={"rounds": "How often everything is measured, in turns."})
def bench_tests(c: Context, rounds: int = 3) -> Result:
    """Measure 200 tests with a database each, against CREATE DATABASE TEMPLATE by hand and pytest-postgresql.

    With testcontainers installed and AEGIS_BENCH_IMAGE an image of `docker build docker/postgres`, those as well.

    Example:
        invoke dev.bench-tests --rounds 1
    """
    from benchmarks.table import BenchResult, measure_tests

    return BenchResult(table=measure_tests(rounds=rounds))
