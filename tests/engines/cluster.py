"""A scheduler of Dask and workers of it, each a process of its own as on machines of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.invoke import environment
from tests.running import eventually


@dataclass(frozen=True)
class Cluster:
    """Its address, the processes of its workers, and what the scheduler says."""

    address: str
    workers: tuple[subprocess.Popen[bytes], ...]
    log: Path


@contextmanager
def cluster(folder: Path, workers: int, env: Mapping[str, str]) -> Iterator[Cluster]:
    """So many workers of one thread each, without a nanny that would start them again."""
    file, log = folder / "scheduler.json", folder / "scheduler.log"
    with ExitStack() as ending:
        out = ending.enter_context(log.open("wb"))

        def start(program: str, *words: str) -> subprocess.Popen[bytes]:
            argv = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", "--scheduler-file", str(file)]
            made = subprocess.Popen([*argv, *words], env=environment(env), cwd=folder, stdout=out, stderr=out)
            ending.callback(made.wait)
            ending.callback(made.kill)  # one that stands still hears no other signal
            return made

        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        assert eventually(lambda: file.exists() and file.read_text().strip() != ""), log.read_text()
        words = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder))
        made = tuple(start("dask_worker", *words) for _ in range(workers))
        yield Cluster(json.loads(file.read_text())["address"], made, log)
