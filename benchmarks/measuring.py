"""Whole processes, measured from outside: wall time, CPU time and peak memory, of contenders that take turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Command:
    """One process to run."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    code: int = 0
    """The exit code that it must have: what fails fast would look fast."""


@dataclass(frozen=True)
class Contender:
    """A way to get something done: `prepare` is not measured, `commands` run one after the other."""

    name: str
    commands: tuple[Command, ...]
    prepare: Callable[[], None] = lambda: None


@dataclass
class Samples:
    """What was measured of one contender: milliseconds and MB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = 0.0

    @property
    def median(self) -> float:
        """Median of the wall time."""
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        """Median of the CPU time; of the processes themselves, not of the server."""
        return statistics.median(self.cpu)


def compare(contenders: Sequence[Contender], rounds: int) -> dict[str, Samples]:
    """Let them take turns for `rounds` rounds, so that what else the machine does falls on all of them alike."""
    found = {contender.name: Samples() for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            contender.prepare()
            _measure(contender, found[contender.name])
    return found


def _measure(contender: Contender, samples: Samples) -> None:
    wall = cpu = 0.0
    for command in contender.commands:
        began = time.perf_counter()
        usage = _run(command)
        wall += (time.perf_counter() - began) * 1000
        cpu += (usage[0] + usage[1]) * 1000
        samples.peak = max(samples.peak, usage[2] / 1024)
    samples.wall.append(wall)
    samples.cpu.append(cpu)


def _run(command: Command) -> tuple[float, float, float]:
    with subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != command.code:
        raise SystemExit(f"{' '.join(command.argv)} exited with {process.returncode}:\n{said[-2000:]}")
    return usage.ru_utime, usage.ru_stime, usage.ru_maxrss
