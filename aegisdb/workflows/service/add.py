"""A new service: package, models, Alembic history, and its entry in services.yaml."""

from __future__ import annotations

import keyword
import os
import re
import shlex
import shutil
import sys
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aegisdb.errors import Failed, UsageError
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_TAKEN_PACKAGES = {"alembic", "sqlalchemy", "asyncpg", "psycopg", "tests", "aegisdb", "tasks"}
_DEFAULT = re.compile(r"\$\{\w+:-(?P<default>[^}]*)\}")


@dataclass(frozen=True, kw_only=True)
class ServiceAddResult(Result):
    """The files that were written, or with `--dry-run` would be."""

    service: str
    package: str
    path: str
    written: bool
    files: tuple[str, ...]
    """Relative to the registry."""
    entry: str
    """The lines added to services.yaml."""


def service_add(
    ws: Workspace, name: str, *, runner: str = "", sync: bool = False, dry_run: bool = False
) -> ServiceAddResult:
    """Write a service that `migrate.new`, `migrate.apply` and `migrate.roundtrip` work on at once; contacts nothing.

    Args:
        ws: the open workspace.
        name: name in services.yaml: lower case letters, digits, - and _.
        runner: how to reach the service's own environment, e.g. "poetry run"; empty for this one.
        sync: a synchronous env.py on psycopg instead of an asynchronous one on asyncpg.
        dry_run: write nothing.

    Raises:
        UsageError: not usable as a name, or the name or the directory is taken.
        BadInput: the entry does not fit into services.yaml, e.g. another service owns such tables.
    """
    from aegisdb.files import replace_file
    from aegisdb.registry.insertion import with_service
    from aegisdb.workflows.service.files import service_files

    registry = ws.registry
    package = _package(registry, name)
    path = _directory(registry, name)
    driver = "psycopg" if sync else "asyncpg"
    facts = {"name": name, "package": package, "version_table": f"alembic_version_{package}", "driver": driver}
    files = service_files({**facts, "url": _url(registry), "revision": uuid.uuid4().hex[-12:], "created": _now()})
    text, entry = with_service(registry.path, name, _entry(path, facts, runner))
    if not dry_run:
        _write(registry.root / path, files)
        try:
            replace_file(registry.path, text, durable=True)
        except OSError as error:
            raise Failed(
                f"{path} is written, but {registry.path.name} is not: {error.strerror}", hint=f"add by hand:\n{entry}"
            ) from None
    listed = tuple(f"{path}/{file}" for file in sorted(files))
    return ServiceAddResult(service=name, package=package, path=path, written=not dry_run, files=listed, entry=entry)


def runner_words(runner: str) -> tuple[str, ...]:
    """The words of `--runner`, quotes as in a shell; nothing is run.

    Raises:
        UsageError: a quote is not closed.
    """
    try:
        return tuple(shlex.split(runner))
    except ValueError as error:
        raise UsageError(f"--runner cannot be read: {error}", hint='e.g. --runner "poetry run"') from None


def _package(registry: Registry, name: str) -> str:
    if name in registry.services:
        raise UsageError(f"a service is already called {name}", hint="invoke service.list", code="exists")
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not usable as a service name",
            hint="lower case letters and digits, words joined by - or _, e.g. billing or rate-cards",
        )
    if package in sys.stdlib_module_names or package in _TAKEN_PACKAGES or keyword.iskeyword(package):
        raise UsageError(f"a package called {package} would hide Python's own or a library's", hint="choose another")
    return package


def _directory(registry: Registry, name: str) -> str:
    """Beside the other services, which mostly share one directory."""
    parents = Counter(os.path.dirname(service.path) for service in registry.services.values())  # noqa: PTH120 - a text
    parent = parents.most_common(1)[0][0] if parents else "services"
    path = f"{parent}/{name}" if parent else name
    if (registry.root / path).exists() or (registry.root / path).is_symlink():
        raise UsageError(
            f"{path} is already there",
            hint=f"invoke service.adopt {path} registers a history that exists",
            code="exists",
        )
    return path


def _entry(path: str, facts: dict[str, str], runner: str) -> dict[str, Any]:
    alembic = {"config": "alembic.ini", "version_table": facts["version_table"], "driver": facts["driver"]}
    entry: dict[str, Any] = {"path": path, "alembic": alembic}
    if runner:
        entry["runner"] = list(runner_words(runner))
    return {**entry, "owns": [f"{facts['package']}_*"]}


def _url(registry: Registry) -> str:
    """What plain `alembic` uses without DATABASE_URL. A password only where services.yaml shows it as a default."""
    from aegisdb.postgres.address import Address, Secret
    from aegisdb.registry.cache import draft_of

    database = registry.file.database
    raw = draft_of(registry.path, registry.path.read_bytes()).plain["database"].get("password", "")
    default = _DEFAULT.fullmatch(raw)
    ports = [port for target in registry.file.targets.values() if (port := target.local_port()) is not None]
    password = Secret(default["default"] if default else "")
    address = Address("localhost", ports[0] if ports else 5432, database.user, password, database.name)
    return address.url().replace("%", "%%")


def _now() -> str:
    return datetime.now().astimezone().replace(tzinfo=None).isoformat(" ")


def _write(directory: Path, files: dict[str, str]) -> None:
    """The whole directory or nothing of it."""
    building = directory.with_name(f".{directory.name}.{os.getpid()}")
    try:
        for name, text in files.items():
            file = building / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        building.rename(directory)
    except OSError as error:
        raise Failed(f"cannot write {directory}: {error.strerror}; nothing was added") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
