"""PostgreSQL as a service of a docker compose file.

What compose starts is asked from Docker, never assumed: the container by its labels, the published port, the cluster's
system identifier from inside the container.
"""

from __future__ import annotations

import re
import time
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from aegisdb.errors import BadInput, Failed, LoginRefused, NotRunning, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.progress import Event
from aegisdb.servers.checkouts import NO_OTHERS
from aegisdb.servers.docker import Compose, Container, docker, is_local, last_line
from aegisdb.servers.server import Proof
from aegisdb.servers.wheels import server_directory

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener
    from aegisdb.registry.types import Registry

_PORT = "5432/tcp"
_READY_WAIT = 180.0
_UP = 3600.0  # seconds: images may have to be built
_DOWN = 600.0
_POLL = 0.1
_LOG_LINES = "12"


class Spec(Protocol):
    """What services.yaml says about the target, as `target_kinds` explains it."""

    @property
    def file(self) -> str: ...  # noqa: D102

    @property
    def service(self) -> str: ...  # noqa: D102

    @property
    def flush(self) -> tuple[str, ...]: ...  # noqa: D102


class ComposeServer:
    """The PostgreSQL service of a compose file, with what else the file starts."""

    kind = "compose"
    checkouts = NO_OTHERS
    managed = True
    found_at_once = False
    own = True

    def __init__(self, registry: Registry, target: str, spec: Spec) -> None:
        self._registry = registry
        self._target = target
        self._spec = spec
        self._found: Address | None = None

    def label(self) -> str:
        """The file and the service."""
        return f"{self._spec.file}, service {self._spec.service}"

    def start(self, listen: Listener, client: Client | None = None, at_end: ExitStack | None = None) -> Address:
        """`docker compose up -d` (which builds a missing image), then wait for the real server over TCP.

        The server that runs the init files on first boot has no TCP port, so a login over TCP means that they are
        through. A first boot that fails takes its half-made volume with it: it would look finished at the next start.

        Raises:
            Unreachable: Docker or Compose missing, engine down, or the role cannot log in.
            Failed: compose or the container failed; with its last lines.
        """
        del at_end
        self._found = None
        self._require_service()
        first = not self._compose.volumes()
        began = time.monotonic()
        listen(Event(step="compose up", subject=self._spec.file))
        try:
            done = self._compose.command("up", "--detach", timeout=_UP)
            if done.returncode:
                raise self._up_failed(done.stderr)
            address = self._wait(client)
        except Failed:
            if first:
                self._compose.command("down", "--volumes", timeout=_DOWN)
            raise
        listen(Event(step="compose up", subject=self._spec.file, seconds=time.monotonic() - began))
        return address

    def stop(self, *, destroy: bool = False) -> bool:
        """`docker compose down`, with `destroy` `down -v`; False when there was nothing."""
        self._found = None
        there = bool(self._compose.containers()) or (destroy and bool(self._compose.volumes()))
        done = self._compose.command("down", *(["--volumes"] if destroy else []), timeout=_DOWN)
        if done.returncode:
            raise Failed(f"docker compose down failed: {last_line(done.stderr)}", code="compose")
        return there

    def has_data(self) -> bool:
        """Whether the compose project has a volume."""
        return bool(self._compose.volumes())

    def address(self) -> Address:
        """Address of the registry's database on the port that Docker says it publishes.

        Docker is asked once between a start and a stop, as two of its commands take longer than a whole reset has to; a
        container that goes away meanwhile is found out by connecting.

        Raises:
            Unreachable: the container does not run, or the engine does not answer.
        """
        if self._found is not None:
            return self._found
        container = self._container()
        if container is None or container.state != "running":
            raise self._not_running(container)
        database = self._registry.file.database
        host, port = self._published(container)
        self._found = Address(host, port, database.user, Secret(database.password), database.name, ours=True)
        return self._found

    def client_address(self) -> Address:
        """Return the server's own address."""
        return self.address()

    def require_one_database(self) -> None:
        """Do nothing: there is one address."""

    def free_bytes(self) -> int:
        """Not known: the volume is Docker's, on a machine of its own perhaps."""
        return 0

    def bindir(self) -> Path | None:
        """The wheel's programs, which work with older servers too; None for those on PATH."""
        return server_directory()

    def disposable(self, conn: Connection, database: str = "") -> Proof | None:
        """P2: system identifier and address that the session reports are those inside this file's container."""
        del database  # all of them are the project's
        container = self._container()
        if container is None or container.state != "running" or not is_local():
            return None
        identity = conn.identity()
        if identity.system_identifier != _system_identifier(container) or identity.host not in _addresses(container):
            return None
        return Proof(
            "P2",
            f"system identifier {identity.system_identifier} inside container {container.id[:12]} "
            f"of compose project {container.project}",
        )

    def flush(self) -> tuple[str, ...]:
        """FLUSHALL in each Redis service that the target lists under `flush`; their names.

        Raises:
            Failed: one of them does not run or refuses.
        """
        for service in self._spec.flush:
            running = [c for c in self._compose.containers(service) if c.state == "running"]
            if not running:
                raise Failed(
                    f"service {service!r} of {self._spec.file} does not run, so its data cannot be emptied",
                    hint=f"invoke db.up --target {self._target}",
                    code="flush",
                )
            done = docker("exec", running[0].id, "redis-cli", "FLUSHALL", check=False)
            if done.returncode or done.stdout.strip() != "OK":
                raise Failed(
                    f"redis-cli FLUSHALL in {service!r} failed: {last_line(done.stdout + done.stderr)}", code="flush"
                )
        return self._spec.flush

    @cached_property
    def _compose(self) -> Compose:
        database = self._registry.file.database
        names = {"NAME": database.name, "DB": database.name, "USER": database.user, "PASSWORD": database.password}
        variables = {f"AEGIS_DB_{key}": text for key, text in names.items() if key != "DB"}
        variables |= {f"POSTGRES_{key}": text for key, text in names.items() if key != "NAME"}
        return Compose(self._registry.root / self._spec.file, variables)

    def _require_service(self) -> None:
        done = self._compose.command("config", "--services")
        if done.returncode:
            raise BadInput(
                f"docker compose cannot read {self._spec.file}: {last_line(done.stderr)}",
                where=self._spec.file,
                code="compose",
            )
        known = done.stdout.split()
        for service in (self._spec.service, *self._spec.flush):
            if service not in known:
                raise BadInput(
                    f"{self._spec.file} has no service {service!r}",
                    hint=f"its services: {', '.join(sorted(known))}",
                    where=f"{self._registry.path.name}: targets.{self._target}",
                    code="compose",
                )

    def _container(self) -> Container | None:
        found = self._compose.containers(self._spec.service)
        return found[0] if found else None

    def _published(self, container: Container) -> tuple[str, int]:
        lines = docker("port", container.id, _PORT, check=False).stdout.splitlines()
        if not lines and docker("inspect", "--format", "{{.State.Running}}", container.id).stdout.strip() != "true":
            raise self._not_running(self._container())  # it ended between the two questions
        if not lines:
            raise Failed(
                f"service {self._spec.service!r} publishes no port for 5432",
                hint='add to the compose file: ports: ["127.0.0.1:${AEGIS_DB_PORT:-5432}:5432"]',
                where=self._spec.file,
                code="compose_port",
            )
        host, _, port = lines[0].rpartition(":")
        return ("127.0.0.1" if host in {"0.0.0.0", "[::]"} else host.strip("[]")), int(port)  # noqa: S104  Docker's word for "everywhere"

    def _not_running(self, container: Container | None) -> Unreachable:
        state = f"is {container.state}" if container else "does not exist"
        return NotRunning(
            f"the container of service {self._spec.service!r} ({self._spec.file}) {state}",
            hint=f"invoke db.up --target {self._target}",
        )

    def _wait(self, client: Client | None) -> Address:
        deadline = time.monotonic() + _READY_WAIT
        while True:
            container = self._container()
            if container is None or container.state in {"exited", "dead", "restarting"}:
                raise self._container_failed(container)
            if container.state == "running" and self._answers(client):
                return self.address()
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"the container of {self._spec.service!r} runs, but has not answered for {_READY_WAIT:.0f} s",
                    hint=f"docker logs {container.id[:12]}",
                    code="not_ready",
                )
            time.sleep(_POLL)

    def _answers(self, client: Client | None) -> bool:
        from aegisdb.postgres.databases import try_login

        try:
            try_login(self.address(), client)
        except LoginRefused as error:
            self._found = None
            raise error.amended(
                hint="the volume was made with another user or password: set the old one, or make it anew with "
                f"invoke db.reset --volumes --target {self._target}"
            ) from None
        except Unreachable:
            self._found = None
            return False
        return True

    def _container_failed(self, container: Container | None) -> Failed:
        if container is None:
            return Failed(f"the container of service {self._spec.service!r} has disappeared", code="container")
        for _ in range(10):
            logs = docker("logs", "--tail", _LOG_LINES, container.id, check=False)
            said = [line for line in (logs.stdout + logs.stderr).splitlines() if line.strip()]
            if cause := next((line for line in said if re.search("ERROR|FATAL|Error", line)), ""):
                break
            time.sleep(_POLL)  # Docker may write the last lines down after it has said that the container ended
        cause = cause or (said[-1] if said else "no output")
        return Failed(
            f"the container of service {self._spec.service!r} ended while starting: {cause}\n" + "\n".join(said),
            hint=f"fix the cause, then invoke db.up --target {self._target}",
            code="container",
        )

    def _up_failed(self, stderr: str) -> Failed:
        reason = last_line(stderr)
        taken = "port is already allocated" in stderr or "address already in use" in stderr
        hint = "set AEGIS_DB_PORT (AEGIS_REDIS_PORT) to a free port, in the environment or .env" if taken else ""
        return Failed(f"docker compose up failed: {reason}", hint=hint, where=self._spec.file, code="compose")


def _system_identifier(container: Container) -> int | None:
    shown = "{{range .Config.Env}}{{println .}}{{end}}"
    environment = docker("inspect", "--format", shown, container.id).stdout.splitlines()
    data = next((v.removeprefix("PGDATA=") for v in environment if v.startswith("PGDATA=")), "/var/lib/postgresql/data")
    control = f"{data}/global/pg_control"
    done = docker("exec", container.id, "od", "-An", "-N8", "-tu8", control, check=False)
    return int(done.stdout) if done.stdout.strip().isdigit() else None


def _addresses(container: Container) -> list[str]:
    shown = "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{println .GlobalIPv6Address}}{{end}}"
    return docker("inspect", "--format", shown, container.id).stdout.split()
