"""Whole processes, measured from outside: wall time, CPU time and peak memory, of contenders that take turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from resource import struct_rusage


ENOUGH, ONCE = 1000.0, 1.0  # milliseconds


@dataclass(frozen=True)
class Command:
    """One process to run."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    code: int = 0
    """The exit code that it must have: what fails fast would look fast."""
    times_itself: bool = False
    """It prints milliseconds of wall and of CPU time, which count instead of those of the process."""


@dataclass(frozen=True)
class Contender:
    """A way to get something done: `prepare` is not measured, `commands` run one after the other."""

    name: str
    commands: tuple[Command, ...]
    prepare: Callable[[], object] = lambda: None


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


def compare(what: str, contenders: Sequence[Contender], rounds: int, *, enough: float = ENOUGH) -> dict[str, Samples]:
    """Let them take turns for `rounds` rounds, so that what else the machine does falls on all of them alike.

    In a round each goes once, and again until it has taken `enough` milliseconds: a sample of a fifth of a second says
    little.

    Each sample is also told on stderr: a run of an hour that fails at its end has still said something.
    """
    found = {contender.name: Samples() for contender in contenders}
    for _ in range(rounds):
        spent = dict.fromkeys(found, 0.0)
        while turn := [contender for contender in contenders if spent[contender.name] < enough]:
            for contender in turn:
                contender.prepare()
                _measure(contender, found[contender.name])
                took = found[contender.name].wall[-1]
                spent[contender.name] += took
                print(f"{what}: {contender.name} {took:.0f} ms", file=sys.stderr, flush=True)
    return found


def _measure(contender: Contender, samples: Samples) -> None:
    wall = cpu = 0.0
    for command in contender.commands:
        began = time.perf_counter()
        usage, printed = _run(command)
        took = (time.perf_counter() - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000
        if command.times_itself:
            took = float(printed.split()[0]), float(printed.split()[1])
        wall += took[0]
        cpu += took[1]
        samples.peak = max(samples.peak, usage.ru_maxrss / 1024)
    samples.wall.append(wall)
    samples.cpu.append(cpu)


def _run(command: Command) -> tuple[struct_rusage, str]:
    with TemporaryFile() as printed:
        with subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=printed if command.times_itself else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace")
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != command.code:
            raise SystemExit(f"{' '.join(command.argv)} exited with {process.returncode}:\n{said[-2000:]}")
        printed.seek(0)
        return usage, printed.read().decode()
