"""Holders of a TCP port of this machine: our own child, a seed's server of another run, or a foreign program.

Linux tells it in /proc; elsewhere psutil knows our own processes only, and everybody else is a stranger without a name.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aegisdb.servers.ports import answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psutil

MARK = "AEGISDB_SEED_SERVER"
"""A variable in the environment of every server that a seed starts: such a server is gone in a moment, worth a wait."""

_MARKED = f"/memfd:{MARK} "
_LISTEN = "0A"
_LOCALHOST = {"0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1"}  # noqa: S104  what answers there, too
# as /proc/net/tcp and tcp6 write them: any address, 127.0.0.1, ::1, and 127.0.0.1 inside IPv6
_ANSWER_LOCALHOST = {
    "0" * 8,
    "0100007F",
    "0" * 32,
    "0" * 24 + "01000000",
    "0" * 16 + "FFFF00000100007F",
}
_LONGEST = 60
_LONGEST_MARK = 60  # a name of 249 bytes is allowed
_UNSEEN = "of another user or just ended"


@dataclass(frozen=True)
class Holder:
    """A process that listens; `command` is the beginning of its command line."""

    pid: int
    command: str
    is_seed_server: bool

    def __str__(self) -> str:
        return f"process {self.pid}, {self.command}"


def mark_of(argv: Iterable[str]) -> str:
    """The name that marks a server among its open files, where it is forked and its environment cannot be seen."""
    return f"{MARK} {' '.join(argv)}"[:_LONGEST_MARK]


def strangers(port: int) -> tuple[Holder, ...]:
    """List who listens on localhost's port, as far as this user may see it."""
    return _strangers_on_linux(port) if sys.platform == "linux" else _strangers_elsewhere(port)


def who_listens(leader: int, port: int) -> Literal["family", "stranger", "nobody"]:
    """Tell who answers on localhost's port: `family` when it is only the process group or descendants of `leader`."""
    return _who_on_linux(leader, port) if sys.platform == "linux" else _who_elsewhere(leader, port)


def _strangers_on_linux(port: int) -> tuple[Holder, ...]:
    sockets = _listening(port)
    return tuple(_holder(pid) for pid in _pids() if sockets & _sockets(pid)) if sockets else ()


def _who_on_linux(leader: int, port: int) -> Literal["family", "stranger", "nobody"]:
    sockets = _listening(port)
    if not sockets:
        return "nobody"
    ours: set[str] = set()
    for pid in _family(leader):
        ours |= _sockets(pid)
    return "family" if sockets <= ours else "stranger"


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that a client of localhost may reach."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:  # no IPv6
            continue
        for line in lines:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if fields[3] == _LISTEN and int(number, 16) == port and address in _ANSWER_LOCALHOST:
                found.add(fields[9])
    return found


def _sockets(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    return {target[len("socket:[") : -1] for target in _open_files(pid) if target.startswith("socket:[")}


def _open_files(pid: int) -> list[str]:
    """What a process has open, by the kernel's names; nothing where we may not look."""
    try:
        return list(_targets(Path(f"/proc/{pid}/fd")))
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return []


def _targets(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        try:
            yield str(entry.readlink())
        except FileNotFoundError:  # closed since
            continue


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _family(leader: int) -> Iterable[int]:
    """The group of `leader`, and its descendants in whatever group."""
    parents, members = {}, {leader}
    for pid in _pids():
        try:
            # the name in parentheses may hold spaces and parentheses itself
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[pid] = int(fields[1])
        if int(fields[2]) == leader:
            members.add(pid)
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in members} - members
        members |= children
        grown = bool(children)
    return members


def _holder(pid: int) -> Holder:
    folder = Path(f"/proc/{pid}")
    for target in _open_files(pid):
        if target.startswith(_MARKED):
            return Holder(pid, target.removeprefix(_MARKED).removesuffix(" (deleted)"), is_seed_server=True)
    try:
        words = (folder / "cmdline").read_text(errors="replace").split("\0")
        marked = f"\0{MARK}=" in "\0" + (folder / "environ").read_text(errors="replace")
    except OSError:
        return Holder(pid, _UNSEEN, is_seed_server=False)
    return Holder(pid, " ".join(words).strip()[:_LONGEST], is_seed_server=marked)


def _strangers_elsewhere(port: int) -> tuple[Holder, ...]:
    import psutil

    return tuple(_holder_elsewhere(process) for process in psutil.process_iter() if _listens(process, port))


def _who_elsewhere(leader: int, port: int) -> Literal["family", "stranger", "nobody"]:
    import psutil

    try:
        process = psutil.Process(leader)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:  # it has ended
        family = []
    if any(_listens(member, port) for member in family):
        return "family"
    return "stranger" if answers(port) else "nobody"


def _listens(process: psutil.Process, port: int) -> bool:
    import psutil

    try:
        return any(
            one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.laddr.ip in _LOCALHOST
            for one in process.net_connections(kind="tcp")
        )
    except psutil.Error:  # of another user, or just ended
        return False


def _holder_elsewhere(process: psutil.Process) -> Holder:
    import psutil

    try:
        words, marked = process.cmdline(), MARK in process.environ()
    except psutil.Error:
        return Holder(process.pid, _UNSEEN, is_seed_server=False)
    return Holder(process.pid, " ".join(words).strip()[:_LONGEST], is_seed_server=marked)
