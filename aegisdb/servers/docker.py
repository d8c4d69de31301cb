"""Docker's command line: the engine, and the containers of one compose file. Lists of arguments only, no SDK.

Containers are found by the labels that compose puts on them, not by name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Failed, Unreachable
from aegisdb.processes import Finished, child_environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_FILES = "com.docker.compose.project.config_files"
_QUICK = 30.0
_COMPOSE = 120.0  # seconds: Compose reads files and asks the engine several times
_OWN_NAME = re.compile(r"^name\s*:", re.MULTILINE)


@dataclass(frozen=True)
class Container:
    """A container of the compose file, running or not."""

    id: str
    state: str
    """Docker's word: created, running, restarting, exited, dead."""
    project: str


@dataclass(frozen=True)
class Compose:
    """A compose file, and the variables that it is read with."""

    file: Path
    variables: Mapping[str, str]

    def command(self, *arguments: str, timeout: float = _COMPOSE) -> Finished:
        """Run a compose command on the file.

        Raises:
            BadInput: no such file.
            Unreachable: Docker is not installed, or its engine does not answer; with the command that starts it.
        """
        if not self.file.is_file():
            raise BadInput(
                f"no compose file {self.file}",
                hint="`file:` of the target is relative to services.yaml",
                code="compose",
            )
        name = () if self._names_itself else ("-p", self.project)
        argv = [*_compose_program(), "-f", str(self.file), *name, *arguments]
        done = run(argv, cwd=self.file.parent, env=child_environment(self.variables), timeout=timeout)
        if done.returncode:
            require_engine()
        return done

    @cached_property
    def project(self) -> str:
        """The compose project: COMPOSE_PROJECT_NAME, or that of containers which this file has, or one of its own.

        Compose itself takes the directory's name, with which two checkouts of one repository would share a volume.
        """
        if named := self.variables.get("COMPOSE_PROJECT_NAME") or os.environ.get("COMPOSE_PROJECT_NAME"):
            return named
        if known := [c.project for c in self.containers()]:
            return known[0]
        directory = self.file.parent.resolve()
        plain = re.sub(r"[^a-z0-9_-]", "", directory.name.lower()).lstrip("_-") or "aegisdb"
        return f"{plain}-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}"

    def containers(self, service: str = "") -> tuple[Container, ...]:
        """Containers that this very file has made, running ones first.

        Raises:
            Unreachable: Docker is not installed or its engine does not answer.
        """
        wanted = ["--filter", f"label={_FILES}={self.file}"]
        wanted += ["--filter", f"label={_SERVICE}={service}"] if service else []
        shown = f'{{{{.ID}}}}\t{{{{.State}}}}\t{{{{.Label "{_PROJECT}"}}}}'
        done = docker("ps", "--all", "--no-trunc", *wanted, "--format", shown)
        found = [Container(*line.split("\t")) for line in done.stdout.splitlines()]
        return tuple(sorted(found, key=lambda c: c.state != "running"))

    def volumes(self) -> tuple[str, ...]:
        """Names of the project's volumes."""
        done = docker("volume", "ls", "--quiet", "--filter", f"label={_PROJECT}={self.project}")
        return tuple(done.stdout.split())

    @cached_property
    def _names_itself(self) -> bool:
        return _OWN_NAME.search(self.file.read_text(errors="replace")) is not None


def docker(*arguments: str, check: bool = True) -> Finished:
    """Run a docker command of a moment.

    Raises:
        Unreachable: Docker is not installed or its engine does not answer.
        Failed: with `check`, the command failed for another reason.
    """
    done = run([_docker_program(), *arguments], env=child_environment(), timeout=_QUICK)
    if done.returncode and check:
        require_engine()
        raise Failed(f"docker {arguments[0]} failed: {last_line(done.stderr)}", code="docker")
    return done


def require_engine() -> None:
    """Do nothing if the engine answers.

    Raises:
        Unreachable: it does not; with the command that starts it.
    """
    done = run(
        [_docker_program(), "version", "--format", "{{.Server.Version}}"], env=child_environment(), timeout=_QUICK
    )
    if done.returncode == 0:
        return
    if sys.platform == "darwin":
        start = "open -a Docker"
    elif shutil.which("systemctl"):
        start = "sudo systemctl start docker"
    else:
        start = "sudo service docker start"
    raise Unreachable(
        f"Docker's engine does not answer: {last_line(done.stderr)}", hint=f"start it: {start}", code="docker_engine"
    )


def is_local() -> bool:
    """Whether the engine runs on this machine, by the endpoint that the docker command uses."""
    endpoint = (
        os.environ.get("DOCKER_HOST") or docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout
    )
    return endpoint.strip().startswith(("unix://", "npipe://"))


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _docker_program() -> str:
    found = shutil.which("docker")
    if found is None:
        raise Unreachable(
            "the command docker is not on this machine",
            hint="install Docker Engine with Compose v2, or use an embedded target: --target local",
            code="docker",
        )
    return found


@cache
def _compose_program() -> tuple[str, ...]:
    plugin = (_docker_program(), "compose")
    if run([*plugin, "version"], env=child_environment(), timeout=_QUICK).returncode == 0:
        return plugin
    if old := shutil.which("docker-compose"):
        return (old,)
    raise Unreachable(
        "Docker has no Compose: neither `docker compose` nor `docker-compose` works",
        hint="install the Compose v2 plugin (Debian: docker-compose-plugin or docker-compose)",
        code="docker_compose",
    )
