"""PostgreSQL from a wheel, as one server for each project and embedded target, on 127.0.0.1 with a password.

State of a target stands under `.aegisdb/servers/TARGET/`: the data directory named by its major version, `log`,
`state.json` and `lock`. The server runs on between commands. What postmaster.pid says decides whether it runs, once
the process behind it has been checked (postmaster.py); `state.json` only remembers.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from aegisdb.errors import Failed, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.progress import Event, silent
from aegisdb.servers import Proof, ports, postmaster
from aegisdb.servers.account import account_for, project_owner
from aegisdb.servers.binaries import Binaries, find_binaries
from aegisdb.servers.cluster import Cluster
from aegisdb.servers.state import State, exclusive, make_directories, read_state, tail, write_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener
    from aegisdb.registry.types import EmbeddedTarget, Registry
    from aegisdb.servers.postmaster import PidFile

_START_WAIT = 120.0
_STOP_WAIT = 60.0
_LOCK_WAIT = 180.0
_POLL = 0.01
_TRIES = 4
_LOG_BYTES = 10_000_000


class EmbeddedServer:
    """The embedded server of one target."""

    kind: Literal["embedded"] = "embedded"

    def __init__(self, registry: Registry, target: str, spec: EmbeddedTarget) -> None:
        self._registry = registry
        self._target = target
        self._spec = spec
        # a target's name is a key of YAML: any text
        self._home = registry.state / "servers" / quote(target, safe="").replace(".", "%2E")

    def label(self) -> str:
        """Where it listens, or would listen; without looking at the server."""
        return f"127.0.0.1:{read_state(self._state_path).port or self._spec.port}"

    def start(self, listen: Listener) -> Address:
        """Start it unless it runs, make the data directory first if there is none, and check that the role logs in.

        A password or a role that changed in the registry is set in the server, for which it is restarted.

        Raises:
            BadInput: port, user or password of the registry cannot be used.
            Busy: another command starts or stops it.
            Failed: initdb or the server failed; with the log's last lines.
            Unreachable: wheel, setpriv or permission missing, or data of another major version.
        """
        with self._locked(listen):
            running = self._running()
            if running is None:
                self._launch(listen)
            if not self._logs_in():
                listen(Event(step="password", subject="set anew; the server is restarted"))
                self._stop_process()
                self._cluster.set_login(self._login)
                self._launch(listen)
                self._require_login()
            return self.address()

    def stop(self, *, destroy: bool = False) -> bool:
        """Stop it and roll back what is open; with `destroy` delete its data. False if there was nothing to do.

        Raises:
            Failed: it did not stop within a minute.
        """
        if not self._home.exists():
            return False
        with self._locked(silent):
            done = self._stop_process()
            if destroy and self._cluster.exists:
                self._clear_stale_pid()
                self._cluster.destroy()
                done = True
            return done

    def has_data(self) -> bool:
        """Whether the data directory of this major version has been made."""
        return self._cluster.exists

    def address(self) -> Address:
        """Address of the registry's database, if the server runs and its port answers.

        Raises:
            Unreachable: it does not run.
        """
        noted = self._running()
        if noted is None or not noted.ready or not ports.answers(noted.port):
            state = "is starting" if noted and not noted.ready else "is not running"
            raise Unreachable(
                f"the embedded server of target {self._target!r} {state}",
                hint=f"invoke db.up --target {self._target}",
                code="not_running",
            )
        return Address("127.0.0.1", noted.port, self._login.user, self._login.password, self._login.database)

    def bindir(self) -> Path:
        """Where psql and pg_dump of this server are."""
        return self._binaries.directory

    def disposable(self, conn: Connection) -> Proof | None:
        """P1: the system identifier is that of our data directory, and the backend is a child of our server."""
        noted = self._running()
        identifier = self._cluster.system_identifier()
        if noted is None or identifier is None or conn.identity().system_identifier != identifier:
            return None
        backend = postmaster.find_process(conn.backend_pid)
        if backend is None or backend.parent != noted.pid:
            return None
        return Proof("P1", f"system identifier {identifier} of {self._cluster.path}")

    def flush(self) -> tuple[str, ...]:
        """Nothing stands beside an embedded server."""
        return ()

    @cached_property
    def _binaries(self) -> Binaries:
        state = read_state(self._state_path)
        return find_binaries(self._registry.root, self._spec.bindir, known={state.programs: state.major})

    @cached_property
    def _cluster(self) -> Cluster:
        data = self._home / str(self._binaries.major)
        return Cluster(data, self._binaries, account_for(self._registry.root, data))

    @cached_property
    def _login(self) -> Address:
        database = self._registry.file.database
        return Address("127.0.0.1", self._spec.port, database.user, Secret(database.password), database.name)

    @property
    def _state_path(self) -> Path:
        return self._home / "state.json"

    @property
    def _log(self) -> Path:
        return self._home / "log"

    @contextmanager
    def _locked(self, listen: Listener) -> Iterator[None]:
        owner = project_owner(self._registry.root)
        try:
            make_directories(self._home, self._registry.root, owner)
            with exclusive(self._home / "lock", owner, wait=_LOCK_WAIT, listen=listen):
                yield
        except PermissionError as error:
            raise Unreachable(
                f"no permission for {error.filename}: {error.strerror}",
                hint=f"if another user made it: sudo chown -R $USER {self._registry.state}",
                where=str(self._home),
                code="permission",
            ) from error

    def _running(self) -> PidFile | None:
        noted = postmaster.read_pid_file(self._cluster.path)
        process = postmaster.find_process(noted.pid) if noted else None
        if noted is None or process is None:
            return None
        ours = postmaster.is_postmaster(process, self._cluster.path, noted, ticks=self._ticks_of(noted.pid))
        return noted if ours else None

    def _ticks_of(self, pid: int) -> int | None:
        state = read_state(self._state_path)
        return state.ticks if state.pid == pid else None

    def _launch(self, listen: Listener) -> None:
        cluster = self._cluster
        cluster.sweep()
        cluster.check_version()
        made = not cluster.exists
        if made:
            listen(Event(step="initdb", subject=str(cluster.path)))
            cluster.create(self._login)
        self._clear_stale_pid()
        listen(Event(step="start", subject=f"PostgreSQL {cluster.binaries.major}"))
        began = time.monotonic()
        self._spawn()
        if made:
            cluster.flush()
        listen(Event(step="start", subject=f"PostgreSQL {cluster.binaries.major}", seconds=time.monotonic() - began))

    def _spawn(self) -> None:
        remembered = read_state(self._state_path)
        wished = (remembered.port, self._spec.port) if remembered.wished == self._spec.port else (self._spec.port,)
        for attempt in range(_TRIES):
            port = ports.choose(*wished)
            since = self._begin_log()
            pid = self._spawn_on(port)
            if self._comes_up(pid):
                process = postmaster.find_process(pid)
                ticks = process.ticks if process else 0
                state = State(port, self._spec.port, pid, ticks, self._binaries.stamp, self._binaries.major)
                write_state(self._state_path, state, project_owner(self._registry.root))
                return
            said = tail(self._log, since=since)
            if attempt + 1 == _TRIES or not self._worth_another_try(said):
                raise Failed(
                    f"PostgreSQL did not start in {self._cluster.path}: {_reason(said)}\n{said}",
                    hint=f"the whole log: {self._log}",
                    where=str(self._cluster.path),
                    code="server_start",
                )
            time.sleep(attempt)

    def _spawn_on(self, port: int) -> int:
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        settings |= self._binaries.settings
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = self._cluster.command("postgres", "-D", str(self._cluster.path), *flags)
        return postmaster.spawn(argv, self._log, {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"})

    def _begin_log(self) -> int:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".old"))
        if not self._log.exists():
            self._log.touch(mode=0o600)
            project_owner(self._registry.root).own(self._log)
        return self._log.stat().st_size

    def _comes_up(self, pid: int) -> bool:
        deadline = time.monotonic() + _START_WAIT
        while time.monotonic() < deadline:
            noted = postmaster.read_pid_file(self._cluster.path)
            if noted and noted.pid == pid and noted.ready and ports.answers(noted.port):
                return True
            if postmaster.reap(pid) is not None:
                return False
            time.sleep(_POLL)
        raise Failed(
            f"PostgreSQL in {self._cluster.path} has not been ready for {_START_WAIT:.0f} s; it goes on starting",
            hint=f"it may be recovering: see {self._log}, then invoke db.up again",
            code="server_start",
        )

    @staticmethod
    def _worth_another_try(said: str) -> bool:
        # a port taken between our look and its bind, and backends of a killed server that have not ended yet
        return "could not bind" in said or "could not create any TCP/IP sockets" in said or "still in use" in said

    def _clear_stale_pid(self) -> None:
        # PostgreSQL clears it itself unless some process has that number by now, whatever it is
        noted = self._cluster.path / "postmaster.pid"
        if not noted.exists():
            return
        if users := postmaster.processes_in(self._cluster.path):
            raise Unreachable(
                f"processes that this command did not start work in {self._cluster.path}: "
                + ", ".join(f"pid {pid}" for pid in users),
                hint=f"stop them: {self._binaries.program('pg_ctl')} stop -m fast -D '{self._cluster.path}'",
                code="data_in_use",
            )
        noted.unlink(missing_ok=True)

    def _stop_process(self) -> bool:
        noted = self._running()
        if noted is None:
            return False
        for number, wait in ((signal.SIGINT, _STOP_WAIT), (signal.SIGQUIT, 10.0)):
            if not postmaster.send(noted, self._cluster.path, number, ticks=self._ticks_of(noted.pid)):
                return True
            if self._ends(noted.pid, wait):
                return True
        raise Failed(f"the server (pid {noted.pid}) does not stop", hint=f"its log: {self._log}", code="server_stop")

    def _ends(self, pid: int, wait: float) -> bool:
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            postmaster.reap(pid)
            if postmaster.find_process(pid) is None:
                return True
            time.sleep(_POLL)
        return False

    def _logs_in(self) -> bool:
        try:
            self._require_login()
        except Unreachable as error:
            if error.code == "login":
                return False
            raise
        return True

    def _require_login(self) -> None:
        from aegisdb.postgres.connection import connect

        connect(self.address().with_database("postgres"), application="aegisdb db.up").close()


def _reason(said: str) -> str:
    lines = [line for line in said.splitlines() if "FATAL" in line or "ERROR" in line or "error" in line] or [said]
    return lines[-1].strip() or "it said nothing"
