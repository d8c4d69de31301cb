"""The first message to a worker: everything it must know about the service and the database."""

from __future__ import annotations

import getpass
import os
import socket
from functools import cache
from typing import TYPE_CHECKING, Any

from aegisdb.applied.status import WORKERS
from aegisdb.postgres.driver_urls import driver_environment, driver_url
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Identity
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_options import StepOptions

LOCK_TIMEOUT = 5000
"""Milliseconds that one DDL statement waits for a lock, so that readers do not queue behind it for long."""


def opening(
    registry: Registry,
    history: History,
    address: Address,
    identity: Identity | None,
    *,
    options: StepOptions,
) -> dict[str, Any]:
    """The message; it holds the URL with its password and goes through the pipe only."""
    settings = alembic_settings(registry, history.service)
    service, locations = registry.services[history.service], history.locations
    return {
        "op": "open",
        "service": history.service,
        "home": str(locations.home),
        "ini": _text(locations.ini),
        "pyproject": _text(locations.pyproject),
        "script_location": settings.script_location,
        "version_locations": [str(folder) for folder in locations.versions] if settings.version_locations else [],
        "recursive_version_locations": settings.recursive_version_locations,
        "version_table": settings.version_table,
        "version_tables": [s.alembic.version_table for s in registry.services.values() if s.alembic],
        "schema": service.schema,
        "owns": list(service.owns),
        "url": driver_url(address, settings.driver),
        "variables": driver_environment(address, settings.driver),
        "url_env": settings.url_env,
        "url_setting": settings.url_setting,
        "x": [f"{name}={value}" for name, value in settings.x.items()],
        "socket": {"directory": address.socket, "port": address.port, "uid": os.geteuid()} if address.socket else None,
        "identity": {**_identity(identity), "others": _other_databases(registry, address)},
        "application": f"{WORKERS} {history.service} {os.getpid()}"[:63],
        "lock_timeout": LOCK_TIMEOUT,
        "record": options.journal,
        "strict": options.strict,
        "observe": options.observe,
        "instead": [str(path) for path in options.instead or ()],
        "fast": os.environ.get("AEGIS_PLAIN_WORKER") != "1",
        "who": _who(registry.root, options.command) if options.journal else {},
    }


def _other_databases(registry: Registry, address: Address) -> list[str]:
    """The target's own database, where this is a copy of it or one that will take its place."""
    names = {registry.file.database.name, address.database.partition("__")[0]}
    return sorted(names - {address.database})


def _identity(identity: Identity | None) -> dict[str, Any]:
    """What env.py's connection must prove to be; without one it proves nothing and every connection is refused."""
    if identity is None:
        return {"system_identifier": "0", "oid": 0, "database": "no database"}
    return {
        "system_identifier": str(identity.system_identifier),
        "oid": identity.oid,
        "database": identity.database,
    }


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _who(root: Path, command: str) -> dict[str, str | None]:
    return {"os_user": _user(), "host": socket.gethostname(), "git_commit": git_commit(root), "command": command}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without a name


@cache
def git_commit(root: Path) -> str | None:
    """The commit that is checked out at the registry, None outside git."""
    from aegisdb.errors import Failed
    from aegisdb.processes import run

    try:
        finished = run(["git", "-C", root, "rev-parse", "HEAD"], timeout=10, death_signal=None)
    except Failed:
        return None  # no git on this machine
    return finished.stdout.strip() if finished.returncode == 0 else None
