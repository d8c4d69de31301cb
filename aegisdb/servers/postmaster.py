"""The server process of a data directory: is it running, is it really ours, start it, signal it.

A pid is never trusted as a number: the process must be a postgres that works in this data directory and that
started when the pid file says. Signals go through a pidfd where there is one, so a pid that is reused in between
is not hit.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aegisdb.fast_dataclass import dataclass
from aegisdb.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Answer = TypeVar("_Answer")
_PROGRAM = "postgres"
_START_TOLERANCE = 60.0
"""Seconds between the pid file's start time and the kernel's; wall clocks are set now and then."""


@dataclass(frozen=True)
class PidFile:
    """The contents of postmaster.pid, as the server wrote them."""

    pid: int
    started: int
    port: int
    ready: bool


@dataclass(frozen=True)
class Process:
    """A live process; None where the kernel does not let us look (another user's, without CAP_SYS_PTRACE)."""

    pid: int
    parent: int
    uid: int
    started: float
    """Seconds since 1970, by the wall clock of now."""
    ticks: int
    """A start time that no setting of the clock changes."""
    program: Path | None
    """Its executable file; after an upgrade of the wheel that may be gone."""
    directory: Path | None
    argv: tuple[str, ...]


def read_pid_file(data: Path) -> PidFile | None:
    """The pid file of a data directory; None when there is none or it is not complete yet.

    Raises:
        PermissionError: the data belongs to somebody else.
    """
    try:
        lines = (read_regular(data / "postmaster.pid") or b"").decode(errors="replace").splitlines()
        return PidFile(int(lines[0]), int(lines[2]), int(lines[3]), len(lines) > 7 and lines[7].strip() == "ready")  # noqa: PLR2004  the eighth line is the status
    except (NotADirectoryError, IndexError, ValueError):
        return None


def pid_file_identity(data: Path) -> tuple[int, ...] | None:
    """What changes whenever the server of a data directory writes its pid file anew; raises as `read_pid_file`."""
    try:
        status = (data / "postmaster.pid").stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def find_process(pid: int) -> Process | None:
    """The process with this pid; None when there is none or it is a zombie."""
    return _from_proc(pid) if sys.platform == "linux" else _from_psutil(pid)


def is_alive(pid: int) -> bool:
    """Whether a process has this pid, whosoever it is; the cheapest question about it."""
    return _is_alive_on_linux(pid) if sys.platform == "linux" else find_process(pid) is not None


def _is_alive_on_linux(pid: int) -> bool:
    try:
        return _state(Path(f"/proc/{pid}/stat").read_text(errors="replace"))[0] not in "ZX"
    except OSError:
        return False


def is_postmaster(
    process: Process, data: Path, noted: PidFile, *, programs: Path | None = None, ticks: int | None = None
) -> bool:
    """Whether this is the server of `data` that wrote `noted`; `ticks` is its start time if we started it."""
    in_time = process.ticks == ticks or abs(process.started - noted.started) < _START_TOLERANCE
    return in_time and works_in(process, data, programs)


def works_in(process: Process, data: Path, programs: Path | None = None) -> bool:
    """Whether this is a postgres (server or backend) of `data`; `programs` is the directory of those in use.

    One of another directory, which was in use when it was started, shows by its arguments or by the title that
    PostgreSQL gives to its backends.
    """
    if process.program is None or process.directory is None:
        return process.uid == data.stat().st_uid and _argument_names(process.argv, data)
    if process.program.name != _PROGRAM or not _same(process.directory, data):
        return False
    if programs is not None and _same(process.program, programs / _PROGRAM):
        return True
    return _argument_names(process.argv, data) or any(word.startswith(f"{_PROGRAM}: ") for word in process.argv[:1])


def all_processes() -> Iterator[Process]:
    """Every process of this machine that is alive."""
    if sys.platform == "linux":
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    else:
        import psutil

        pids = psutil.pids()
    yield from filter(None, map(find_process, pids))


def processes_in(data: Path, programs: Path | None = None) -> tuple[int, ...]:
    """Pids of every postgres that works in `data`, whoever started it."""
    return tuple(process.pid for process in all_processes() if works_in(process, data, programs))


def spawn(argv: list[str], log: Path, environment: dict[str, str]) -> int:
    """Start a program that outlives this one, in a session of its own, its output appended to `log`; its pid.

    Not subprocess: its objects complain about a child that runs on.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(
        argv[0], argv, environment, file_actions=actions, setsid=True, setsigmask=[], setsigdef=[signal.SIGINT]
    )


def reap(pid: int) -> int | None:
    """Exit status if `pid` was a child of this process and has ended."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def send(noted: PidFile, data: Path, number: int, *, programs: Path | None = None, ticks: int | None = None) -> bool:
    """Signal the server of `data`; False when it is gone or the pid is not its own any more."""
    try:
        handle = _hold(noted.pid)
    except OSError:
        return False
    try:
        process = find_process(noted.pid)
        if process is None or not is_postmaster(process, data, noted, programs=programs, ticks=ticks):
            return False
        if sys.platform == "linux" and handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(noted.pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def _hold(pid: int) -> int | None:
    """A descriptor that means this process and no later one with its pid; None where the system has none."""
    if sys.platform == "linux":
        handle = os.pidfd_open(pid)
    else:
        handle = None
    return handle


def _from_proc(pid: int) -> Process | None:
    proc = Path("/proc") / str(pid)
    try:
        fields = _state((proc / "stat").read_text(errors="replace"))
        argv = tuple((proc / "cmdline").read_text(errors="replace").split("\0")[:-1])
        uid = proc.stat().st_uid
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    if fields[0] in "ZX":
        return None
    ticks = int(fields[19])
    program, directory = _look_inside(proc)
    return Process(
        pid, int(fields[1]), uid, _boot_time() + ticks / os.sysconf("SC_CLK_TCK"), ticks, program, directory, argv
    )


def _state(stat: str) -> list[str]:
    """What stands behind the name, which is in parentheses and may hold spaces and parentheses itself."""
    return stat.rpartition(")")[2].split()


def _look_inside(proc: Path) -> tuple[Path | None, Path | None]:
    try:
        (proc / "cwd").stat()
        # "/" alone for a program of a mount that is gone, as runc's is while a container starts
        return Path(str((proc / "exe").readlink()).removesuffix(" (deleted)")), proc / "cwd"
    except OSError:
        return None, None


def _boot_time() -> int:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    msg = "/proc/stat has no btime"
    raise RuntimeError(msg)


def _from_psutil(pid: int) -> Process | None:
    import psutil

    try:
        found = psutil.Process(pid)
        with found.oneshot():
            if found.status() == psutil.STATUS_ZOMBIE:
                return None
            started = found.create_time()
            parent, uid = found.ppid(), found.uids().effective
            argv = tuple(_unless_denied(found.cmdline) or ())
            program, directory = _unless_denied(found.exe), _unless_denied(found.cwd)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    found_program, found_directory = (Path(program), Path(directory)) if program and directory else (None, None)
    return Process(pid, parent, uid, started, int(started * 100), found_program, found_directory, argv)


def _unless_denied(question: Callable[[], _Answer]) -> _Answer | None:
    """Ask what only a process's owner may ask."""
    import psutil

    try:
        return question()
    except psutil.AccessDenied:
        return None


def _argument_names(argv: tuple[str, ...], data: Path) -> bool:
    if not argv or Path(argv[0]).name != _PROGRAM or "-D" not in argv[:-1]:
        return False
    return _same(Path(argv[argv.index("-D") + 1]), data)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
