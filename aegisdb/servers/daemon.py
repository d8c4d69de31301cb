"""The process of an embedded server: launch it on a free port, find it again, stop it.

What postmaster.pid says decides whether it runs, once the process behind it has been checked (postmaster.py);
`state.json` only remembers the port and saves work.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from aegisdb.errors import Failed, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.servers import ports, postmaster, unix_socket
from aegisdb.servers.state import State, read_state, tail, write_state

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.servers.account import Account
    from aegisdb.servers.cluster import Cluster
    from aegisdb.servers.postmaster import PidFile

_START_WAIT = 120.0
_STOP_WAIT = 60.0
_KILL_WAIT = 10.0
_ORPHAN_WAIT = 10.0
_POLL = 0.01
_TRIES = 4
_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Daemon:
    """The server of one data directory, running or not; `home` holds its log and state."""

    cluster: Cluster
    home: Path
    owner: Account
    """Whose the files in `home` are."""
    wished: int
    """The port of services.yaml."""
    login: str
    """The role of services.yaml."""

    @property
    def log(self) -> Path:
        """The file of the server's messages."""
        return self.home / "log"

    def running(self) -> PidFile | None:
        """What its pid file says, if the process is really this server; None when it is not running."""
        noted = postmaster.read_pid_file(self.cluster.path)
        process = postmaster.find_process(noted.pid) if noted else None
        if noted is None or process is None:
            return None
        programs, ticks = self.cluster.binaries.directory, self._ticks_of(noted.pid)
        ours = postmaster.is_postmaster(process, self.cluster.path, noted, programs=programs, ticks=ticks)
        return noted if ours else None

    def socket(self, noted: PidFile) -> str:
        """The directory of its Unix socket, if that lets this user in; else empty."""
        state = read_state(self.home)
        directory = unix_socket.directory(self.home, noted.port)
        if directory is None or (state.pid, state.uid) != (noted.pid, os.geteuid()):
            return ""
        return str(directory) if unix_socket.is_there(directory, noted.port) else ""

    def pid_file_identity(self) -> tuple[int, ...] | None:
        """What changes when the server ends, another one starts, or it becomes ready; None without a pid file."""
        return postmaster.pid_file_identity(self.cluster.path)

    def port_in_doubt(self) -> str:
        """What is to be said after its port while it does not run: another program may have it by then."""
        try:
            return "" if self.pid_file_identity() else " or a free port"
        except PermissionError:
            return ""  # another account's server: who asks it tells that

    def launch(self) -> None:
        """Start it and wait until it is ready; another port where the wished one is taken or forbidden.

        Raises:
            Failed: it ended, or is not ready after two minutes; with the log's last lines.
            Unreachable: other processes work in the data directory.
        """
        self.clear_stale_pid()
        self.cluster.spread()
        ports_to_try, with_socket = self._wished_ports(), True
        for attempt in range(_TRIES):
            since = self._begin_log()
            port = ports.choose(*ports_to_try)
            directory = unix_socket.directory(self.home, port) if with_socket else None
            uid = (
                os.geteuid()
                if directory and unix_socket.open_for_this_user(self.cluster, directory, self.login)
                else -1
            )
            pid = self._spawn(port, directory if uid >= 0 else None)
            if self.comes_up(pid):
                self._remember(port, pid, uid)
                return
            said = tail(self.log, since=since)
            no_socket = with_socket and bool(directory) and (str(directory) in said or "Unix-domain" in said)
            no_port = "could not bind" in said or "could not create any TCP/IP sockets" in said
            if attempt + 1 == _TRIES or not (no_port or no_socket or "is still in use" in said):
                break
            if no_socket:  # not every file system has them
                with_socket = False
            elif no_port:  # taken since we looked, or one that only root may open
                ports_to_try = ()
            time.sleep(attempt)  # backends of a killed server end when they notice
        raise Failed(
            f"PostgreSQL did not start in {self.cluster.path}: {_reason(said)}\n{said}",
            hint=f"the whole log: {self.log}",
            where=str(self.cluster.path),
            code="server_start",
        )

    def comes_up(self, pid: int) -> bool:
        """Wait until the server with this pid is ready; False when it has ended.

        Raises:
            Failed: it still is not ready after two minutes.
        """
        deadline = time.monotonic() + _START_WAIT
        while time.monotonic() < deadline:
            noted = postmaster.read_pid_file(self.cluster.path)
            if noted and noted.pid == pid and noted.ready and ports.answers(noted.port):
                return True
            if postmaster.reap(pid) is not None or postmaster.find_process(pid) is None:
                return False
            time.sleep(_POLL)
        raise Failed(
            f"PostgreSQL in {self.cluster.path} has not been ready for {_START_WAIT:.0f} s; it goes on starting",
            hint=f"it may be recovering: see {self.log}, then invoke db.up again",
            code="server_start",
        )

    def stop(self) -> bool:
        """Stop it, open transactions are rolled back; False when it does not run.

        Raises:
            Failed: it did not stop within a minute, nor after an immediate shutdown.
        """
        noted = self.running()
        if noted is None:
            return False
        for number, wait in ((signal.SIGINT, _STOP_WAIT), (signal.SIGQUIT, _KILL_WAIT)):
            programs, ticks = self.cluster.binaries.directory, self._ticks_of(noted.pid)
            if not postmaster.send(noted, self.cluster.path, number, programs=programs, ticks=ticks):
                return True
            if self._ends(noted.pid, wait):
                return True
        raise Failed(f"the server (pid {noted.pid}) does not stop", hint=f"its log: {self.log}", code="server_stop")

    def _wished_ports(self) -> tuple[int, ...]:
        remembered = read_state(self.home)
        # a port of services.yaml that was edited since counts more than what was got for the old one
        return (remembered.port, self.wished) if remembered.wished == self.wished else (self.wished,)

    def _spawn(self, port: int, directory: Path | None) -> int:
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_permissions": "0700"}
        settings["unix_socket_directories"] = f'"{directory}"' if directory else ""
        settings |= self.cluster.binaries.settings
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = self.cluster.command("postgres", "-D", str(self.cluster.path), *flags)
        return postmaster.spawn(argv, self.log, {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"})

    def repair_state(self, noted: PidFile) -> None:
        """Remember the server that runs where what was remembered is lost, or is of another one."""
        if read_state(self.home).pid != noted.pid:
            self._remember(noted.port, noted.pid, -1)

    def _remember(self, port: int, pid: int, uid: int) -> None:
        process = postmaster.find_process(pid)
        ticks = process.ticks if process else 0
        binaries = self.cluster.binaries
        state = State(port, self.wished, pid, ticks, binaries.stamp, binaries.major, uid)
        write_state(self.home, state, self.owner)

    def _begin_log(self) -> int:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        if not self.log.exists():
            self.log.touch(mode=0o600)
            self.owner.own(self.log)
        return self.log.stat().st_size

    def clear_stale_pid(self) -> None:
        """Remove the pid file of a server that is gone, once nobody works in the data directory.

        PostgreSQL does so itself, unless some process has that number by now, whatever it is.

        Raises:
            Unreachable: processes work in the data directory, and not only backends that are about to end.
        """
        noted = self.cluster.path / "postmaster.pid"
        if not noted.exists():
            return
        deadline = time.monotonic() + _ORPHAN_WAIT
        while users := postmaster.processes_in(self.cluster.path, self.cluster.binaries.directory):
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"processes that this command did not start work in {self.cluster.path}: "
                    + ", ".join(f"pid {pid}" for pid in users),
                    hint="end them, for example with "
                    f"{self.cluster.binaries.program('pg_ctl')} stop -m fast -D '{self.cluster.path}'",
                    code="data_in_use",
                )
            time.sleep(0.2)
        noted.unlink(missing_ok=True)

    def _ends(self, pid: int, wait: float) -> bool:
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            postmaster.reap(pid)
            if postmaster.find_process(pid) is None:
                return True
            time.sleep(_POLL)
        return False

    def _ticks_of(self, pid: int) -> int | None:
        state = read_state(self.home)
        return state.ticks if state.pid == pid else None


def _reason(said: str) -> str:
    lines = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()] or [said]
    return lines[-1].strip() or "it said nothing"
