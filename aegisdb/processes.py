"""Child processes: a list of arguments, a scrubbed environment, a process group, and an end with their parent.

A child never outlives the tool: signals are forwarded to its group, and on Linux the kernel kills it when the tool
is killed. Nothing here ever goes through a shell.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from aegisdb.errors import Failed, TimedOut
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SCRUBBED_NAMES = (
    "ALEMBIC_CONFIG",
    "DATABASE_URL",
    "PSQLRC",
    "PSQL_HISTORY",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
)
"""Variables that would change what a child runs or where it connects; besides these, every PG* of libpq."""

_GRACE = 5.0
_PR_SET_PDEATHSIG = 1


def leftovers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names in this environment that children do not get to see, sorted; `doctor` lists them."""
    return tuple(sorted(name for name in environ if _is_scrubbed(name)))


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what leads children astray, plus `extra`."""
    return {name: value for name, value in os.environ.items() if not _is_scrubbed(name)} | dict(extra or {})


def _is_scrubbed(name: str) -> bool:
    # PGSERVER_* and the like belong to other programs; libpq's own have no underscore after PG
    return name in SCRUBBED_NAMES or (name.startswith("PG") and "_" not in name)


@dataclass(frozen=True)
class Finished:
    """A child that has ended; `seconds` is its wall time."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float


def start(  # noqa: PLR0913  a process has this many properties, and each caller names the few it sets
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = None,
    stderr: int | None = None,
    user: int | None = None,
    group: int | None = None,
    death_signal: int | None = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own; `env` None means `child_environment()`.

    On Linux it gets `death_signal` when the thread that started it ends: start long-lived ones from the main thread.
    None is for children that end by themselves when their input does.

    Raises:
        Failed: the program is missing or not executable.
    """
    command = [str(part) for part in argv]
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=child_environment() if env is None else env,
            pass_fds=tuple(pass_fds),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            process_group=0,
            preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509  one system call, no lock, no allocation
        )
    except OSError as error:
        raise Failed(f"cannot start {command[0]}: {error.strerror}", code="program") from error


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None,
    stdin: str | None = None,
    pass_fds: Sequence[int] = (),
    check: bool = False,
    death_signal: int | None = signal.SIGKILL,
) -> Finished:
    """Run a child to its end and capture its output as text.

    Every caller says how long it waits at most; None is for what a person's own SQL or code may take. Whatever
    interrupts the wait (Ctrl-C, SIGTERM, `timeout` seconds) stops the child's whole group first. Without a
    `death_signal` the child is made without copying this process, which takes longer than `git` does for an answer.

    Raises:
        Failed: the program is missing, `timeout` is over (code `timeout`), or, with `check`, it exited non-zero.
    """
    began = time.monotonic()
    process = start(
        argv,
        cwd=cwd,
        env=env,
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        death_signal=death_signal,
    )
    words = tuple(map(str, argv))
    out, err = _output(process, words[0], stdin, timeout)
    done = Finished(words, process.returncode, out, err, time.monotonic() - began)
    if check and done.returncode:
        raise Failed(f"{words[0]} exited with {done.returncode}: {_last_line(done.stderr)}", code="program")
    return done


def _output(process: subprocess.Popen[bytes], name: str, stdin: str | None, timeout: float | None) -> tuple[str, str]:
    """What a child prints until its end; whatever interrupts the wait stops it."""
    try:
        out, err = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(process)
        raise TimedOut(f"{name} did not end within {timeout} s and was stopped") from None
    except BaseException:
        stop(process)
        raise
    return out.decode(errors="replace"), err.decode(errors="replace")


def stop(process: subprocess.Popen[Any], *, grace: float = _GRACE) -> None:
    """SIGTERM to the child's group, SIGKILL after `grace` seconds; closes its pipes. An ended child is left alone."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _signal_group(process: subprocess.Popen[Any], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def die_with_parent(death_signal: int | None) -> Callable[[], None] | None:
    """What a child of this thread calls first, so that Linux sends it this signal when this thread ends."""
    on_linux = sys.platform == "linux"
    if not on_linux or death_signal is None:
        return None
    prctl = _prctl()
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return set_death_signal


@cache
def _prctl() -> Any:
    import ctypes

    return ctypes.CDLL(None).prctl


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"
