"""How far it goes: many services, many tables, one large revision. `python -m benchmarks.limits` prints the table.

Each case is a project of its own with an embedded server of its own; every command is run once, a first status in
turns with the parse that it is compared with. A command that finds something wrong, as a comparison with models that do
not exist, is as good as any other here: only time, memory and size count.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.invoke import command, environment
from tests.monorepo import Rev, Svc, build_monorepo, table

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "AEGIS_DB_PASSWORD"
FEW, MANY = 50, 500
TABLES = 20_000
PARTS = 10
ROWS = 50_000
MOST = 10.0
"""How many times the time of FEW services that of MANY may be."""
MOST_PARSES = 3.0
"""How many times its parse by `ast` the first status of a large file may take."""
ROUNDS = 5
_PARSE = (
    "import ast, sys, time; text = open(sys.argv[1]).read(); began = time.monotonic(); ast.parse(text);"
    " print(time.monotonic() - began)"
)
_TERMS = {0: "ok", 1: "failed", 5: "dirty", 6: "different"}


def services(root: Path, number: int) -> None:
    """Services of one table each."""
    made = {
        f"s{n:03d}": Svc(
            revisions=(Rev(id=f"s{n:03d}a", up=table(f"s{n:03d}_t"), down=f'op.drop_table("s{n:03d}_t")'),)
        )
        for n in range(number)
    }
    build_monorepo(root, made)


def tables(root: Path) -> None:
    """One service whose PARTS revisions make all tables; it has no models of them.

    A table is locked until its transaction ends, and 6,400 locks are all that PostgreSQL's defaults have room for.
    """
    each = TABLES // PARTS
    revisions = tuple(
        Rev(
            id=f"b{part}",
            parent=f"b{part - 1}" if part else None,
            up=f"for n in range({part * each}, {part * each + each}):\n"
            '    op.execute(f"CREATE TABLE big_{n} (id int PRIMARY KEY)")',
        )
        for part in range(PARTS)
    )
    build_monorepo(root, {"big": Svc(revisions=revisions)})


def rows(root: Path) -> Path:
    """One service with a revision file of about 5 MB; returns the file."""
    values = ",\n        ".join(
        f'{{"id": {n}, "name": "a name that is long enough for {n}", "on": True, "n": {n * 7}}}' for n in range(ROWS)
    )
    up = f"{table('big_t', 'name text', 'on_ bool', 'n int')}\nROWS = [\n        {values}\n    ]"
    build_monorepo(root, {"big": Svc(revisions=(Rev(id="b1", up=up),))})
    return root / "services" / "big" / "alembic" / "versions" / "b1.py"


@contextmanager
def embedded(root: Path) -> Iterator[None]:
    """The project's own server, running, and gone afterwards."""
    file = root / "services.yaml"
    document = json.loads(file.read_text())
    document["targets"] = {"local": {"server": "embedded"}}
    document["database"]["password"] = f"${{{VARIABLE}:-bench}}"
    file.write_text(json.dumps(document))
    try:
        subprocess.run(command("db.up"), cwd=root, env=environment({}), check=True, capture_output=True)
        yield
    finally:
        subprocess.run(
            command("db.down", "--volumes", "--yes"), cwd=root, env=environment({}), check=False, capture_output=True
        )


def timed(root: Path, *words: str) -> tuple[float, str]:
    """Seconds, and how it ended, with its peak memory and what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        with subprocess.Popen(command(*words), cwd=root, env=environment({}), stdout=out, stderr=err) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        printed = out.tell() + err.tell()
        err.seek(0)
        assert process.returncode in _TERMS, err.read().decode(errors="replace")[-2000:]
    return seconds, f"{_TERMS[process.returncode]}, {printed / 1024:.0f} kB, peak {usage.ru_maxrss / 1024:.0f} MB"


def many_services(folder: Path) -> Iterator[str]:
    """Each command with FEW and with MANY services."""
    commands: tuple[tuple[str, ...], ...] = (
        ("db.reset",),
        ("migrate.status",),
        ("migrate.verify",),
        ("db.verify",),
        ("doctor",),
        ("db.diagram",),
    )
    taken: dict[tuple[str, ...], list[float]] = {words: [] for words in commands}
    for number in (FEW, MANY):
        root = folder / f"services{number}"
        services(root, number)
        with embedded(root):
            for words in commands:
                seconds, told = timed(root, *words)
                taken[words].append(seconds)
                yield _line(f"{number} services", words, seconds, told)
    for words, (few, many) in taken.items():
        held = "yes" if many <= MOST * few else "no"
        yield f"| {MANY} / {FEW} services | `{' '.join(words)}` | x {many / few:.1f} | at most {MOST:.0f}: {held} |"


def many_tables(folder: Path) -> Iterator[str]:
    """One service with TABLES tables."""
    root = folder / "tables"
    tables(root)
    with embedded(root):
        for words in (("db.reset",), ("migrate.verify",), ("db.verify",), ("db.diagram",)):
            yield _line(f"{TABLES} tables", words, *timed(root, *words))


def large_revision(folder: Path) -> Iterator[str]:
    """A file that is read for the first time, and by `ast` alone, in a process of its own."""
    root = folder / "rows"
    file = rows(root)
    size = f"a revision of {file.stat().st_size / 1e6:.1f} MB"
    with embedded(root):
        first: list[float] = []
        parses: list[float] = []
        for _ in range(ROUNDS):
            done = subprocess.run([sys.executable, "-c", _PARSE, str(file)], check=True, capture_output=True)
            parses.append(float(done.stdout))
            shutil.rmtree(root / ".aegisdb" / "cache", ignore_errors=True)
            first.append(timed(root, "migrate.status")[0])
        ratios = [status / parse for status, parse in zip(first, parses, strict=True)]
        yield f"| {size} | `ast.parse` alone | {statistics.median(parses):.1f} s | median of {ROUNDS} |"
        yield _line(size, ("migrate.status",), statistics.median(first), f"the first, median of {ROUNDS}")
        held = "yes" if statistics.median(ratios) < MOST_PARSES else "no"
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        yield f"| {size} | the first status / its parse | x {shown} | below {MOST_PARSES:.0f}: {held} |"
        for words in (("migrate.status",), ("db.reset",), ("migrate.lint", "--all")):
            yield _line(size, words, *timed(root, *words))


def _line(what: str, words: tuple[str, ...], seconds: float, told: str) -> str:
    return f"| {what} | `{' '.join(words)}` | {seconds:.1f} s | {told} |"


CASES = {"services": many_services, "tables": many_tables, "revision": large_revision}

if __name__ == "__main__":
    print("| case | command | wall time | how it ended |\n|---|---|--:|---|", flush=True)
    with tempfile.TemporaryDirectory() as made:
        for case in sys.argv[1:] or CASES:
            for line in CASES[case](Path(made)):
                print(line, flush=True)
