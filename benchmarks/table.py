"""One size, measured and written as a Markdown table."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import compare
from benchmarks.scenarios import BARE, DOCUMENTED, OURS, roundtrip, run, scenarios, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Samples

_HEAD = "| what | who | ms | CPU ms | peak MB | x bare invoke | documented / it |\n|---|---|--:|--:|--:|--:|--:|"


def measure(*, services: int, revisions: int, rounds: int, with_roundtrip: bool) -> str:
    """Everything of one size, in a project and on a server of its own that are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="aegisdb-bench-") as directory:
        Path(directory).chmod(0o755)  # where root starts it, the server runs as another user
        bench = start(Path(directory), services, revisions)
        try:
            found = {name: compare(each, rounds) for name, each in scenarios(bench).items()}
            if with_roundtrip:
                found["roundtrip of one service"] = compare(roundtrip(bench), 1)
        finally:
            run(bench.invoke("db.down"))
    rows = [row for name, samples in found.items() for row in _rows(name, samples)]
    return "\n".join([_what(services, revisions, rounds), "", _HEAD, *rows])


def _rows(name: str, found: dict[str, Samples]) -> Iterator[str]:
    bare = found[BARE].median if BARE in found else 0.0
    documented = found[DOCUMENTED].median if DOCUMENTED in found else 0.0
    for who, samples in found.items():
        against_bare = f"{samples.median / bare:.2f}" if bare else ""
        against_documented = f"{documented / samples.median:.1f}" if documented and who != BARE else ""
        bold = f"**{who}**" if who == OURS else who
        yield (
            f"| {name} | {bold} | {samples.median:.0f} | {samples.median_cpu:.0f} | {samples.peak:.0f}"
            f" | {against_bare} | {against_documented} |"
        )


def _what(services: int, revisions: int, rounds: int) -> str:
    named = [f"{package} {version(package)}" for package in ("alembic", "sqlalchemy", "psycopg", "invoke")]
    if program := shutil.which("dbmate"):
        named.append(subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip())
    return (
        f"{services} services x {revisions} revisions, {rounds} interleaved rounds, medians of whole processes."
        f" Python {platform.python_version()}, {', '.join(named)}."
    )
