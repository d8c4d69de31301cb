"""A child process whose output goes to a file: it cannot block on a full pipe, and its last lines explain a failure."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from aegisdb import processes, runners
from aegisdb.postgres.driver_urls import driver_environment, driver_url
from aegisdb.postgres.masking import mask
from aegisdb.seeds.sources import service_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import Registry
    from aegisdb.runtime.forkserver import ForkedProgram, Program, WarmProcess

_TAIL_BYTES = 8192
_TAIL_LINES = 12
_LONGEST_FIRST_LINE = 512


P = TypeVar("P", "subprocess.Popen[bytes]", "ForkedProgram")


class Connecting(Protocol):
    """A seed whose program is given the database's URL in a variable."""

    @property
    def url_env(self) -> str:
        """The name of the variable."""

    @property
    def driver(self) -> str:
        """SQLAlchemy's driver in the URL; empty for plain postgresql://."""


class Child(Generic[P]):
    """A running child of a service; `tail()` shows the end of what it printed, passwords removed."""

    def __init__(self, process: P, log: BinaryIO, address: Address) -> None:
        self.process: P = process
        self._log = log
        self._address = address

    def tail(self) -> list[str]:
        """The last lines it printed."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _TAIL_BYTES))
        text = self._log.read().decode(errors="replace")
        return mask(text, self._address).strip().splitlines()[-_TAIL_LINES:]

    def end(self) -> None:
        """Stop it and everything it started."""
        if not isinstance(self.process, subprocess.Popen):
            self.process.stop()
            return
        processes.stop(self.process)
        try:
            # what it left behind; the number cannot have a new owner while a member of its group lives
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


@contextmanager
def running(
    registry: Registry,
    service: str,
    seed: Connecting,
    argv: list[str],
    address: Address,
    *,
    mark: str = "",
) -> Iterator[Child[subprocess.Popen[bytes]]]:
    """Run `argv` in the service's folder and environment, one URL in `url_env`; stopped at the end of the block.

    `mark` is the name of a variable that tells other runs of ours what this process is.
    """
    root = service_directory(registry, service)
    runner = registry.services[service].runner
    with tempfile.TemporaryFile() as log:
        process = processes.start(
            argv,
            cwd=root,
            env=_environment(runner, root, _database(seed, address) | ({mark: "1"} if mark else {})),
            stdout=log.fileno(),
            stderr=log.fileno(),
        )
        child = Child(process, log, address)
        try:
            yield child
        finally:
            child.end()


@contextmanager
def forked(
    warm: WarmProcess, registry: Registry, service: str, seed: Connecting, program: Program, address: Address
) -> Iterator[Child[ForkedProgram]]:
    """Run a seed's program as `running` would, without starting Python."""
    root = service_directory(registry, service)
    name = program.mark.partition(" ")[0]  # for what the program itself starts
    env = _environment(None, root, _database(seed, address) | ({name: "1"} if name else {}))
    with tempfile.TemporaryFile() as log:
        child = Child(warm.run(program, root, env, log.fileno()), log, address)
        try:
            yield child
        finally:
            child.end()


def script_here(argv: Sequence[str], root: Path) -> Program | None:
    """The program of these words, where it is a Python script of this very environment and may be forked."""
    from aegisdb.runtime.forkserver import Program

    on_linux, path = sys.platform == "linux", runners.environment(None, root)["PATH"]
    found = Path(shutil.which(argv[0], path=path) or "")
    if "/" in argv[0] or not found.is_absolute() or not on_linux:
        return None
    with found.open("rb") as file:
        first = file.readline(_LONGEST_FIRST_LINE)
    python = Path(os.fsdecode(first.removeprefix(b"#!").strip()))
    here = Path(sys.executable).parent
    if not first.startswith(b"#!") or python.parent != here or not re.fullmatch(r"python[0-9.]*", python.name):
        return None  # of another environment, or no Python, or started with flags of its own
    return Program(script=str(found), arguments=tuple(argv[1:]))


def _database(seed: Connecting, address: Address) -> dict[str, str]:
    return {**driver_environment(address, seed.driver), seed.url_env: driver_url(address, seed.driver)}


def _environment(runner: runners.Runner, root: Path, url: dict[str, str]) -> dict[str, str]:
    # a runner may be a Python program itself, whose imports the service's folder must not shadow
    path = {} if runner and not runners.is_interpreter(runner) else {"PYTHONPATH": str(root)}
    return runners.environment(runner, root, {**url, **path, "PYTHONUNBUFFERED": "1"})


def indented(lines: list[str]) -> str:
    """The tail as the detail lines of an error's message."""
    return "".join(f"\n    {line}" for line in lines)
