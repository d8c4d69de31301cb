"""Register a history that exists: find its version table, its owner patterns and where it takes its URL from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import Failed, UsageError
from aegisdb.results import Result
from aegisdb.runtime.worker import HOME
from aegisdb.workflows.service.add import runner_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_PROBE = HOME / "env_probe.py"
_DEADLINE = 120.0
_ENOUGH_FOR_A_PATTERN = 2


@dataclass(frozen=True, kw_only=True)
class ServiceAdoptResult(Result):
    """What was found, and the entry."""

    service: str
    path: str
    written: bool
    version_table: str
    revisions: int
    tables: tuple[str, ...]
    """Own tables, by env.py's metadata and filters."""
    url_source: str
    """Where env.py takes its URL from."""
    entry: str
    """The lines added to services.yaml."""
    notes: tuple[str, ...]
    """What a person should look at."""


def service_adopt(
    ws: Workspace, path: str, *, name: str = "", runner: str = "", dry_run: bool = False
) -> ServiceAdoptResult:
    """Register the Alembic history in a directory. Its env.py runs once, offline, in a process of its own.

    Args:
        ws: the open workspace.
        path: the service's directory, relative to the working directory or to services.yaml.
        name: its name in services.yaml; the directory's name otherwise.
        runner: how to reach the service's own environment, e.g. "poetry run"; empty for this one.
        dry_run: write nothing.

    Raises:
        UsageError: no such directory, no Alembic configuration in it, or it is registered already.
        BadInput: the entry does not fit into services.yaml, e.g. its version table is another service's.
        Failed: env.py does not run.
    """
    from aegisdb.registry.insertion import replace_file, with_service

    home = _home(ws.registry, path)
    relative = home.relative_to(ws.registry.root.resolve()).as_posix()
    name = name or home.name
    _free(ws.registry, name, relative)
    config = _configuration(home)
    words = runner_words(runner)
    found = describe_history(home, config, words)
    tables, notes = _own(ws.registry, found)
    entry = _entry(relative, found, config, words, _patterns(name, (*tables, *found["types"])))
    text, lines = with_service(ws.registry.path, name, entry)
    if not dry_run:
        replace_file(ws.registry.path, text)
    return ServiceAdoptResult(
        service=name,
        path=relative,
        written=not dry_run,
        version_table=found["version_table"],
        revisions=found["revisions"],
        tables=tuple(tables),
        url_source={"option": "sqlalchemy.url", "": "a place of its own"}.get(found["url_from"], found["url_from"]),
        entry=lines,
        notes=tuple(notes),
    )


def _home(registry: Registry, path: str) -> Path:
    for base in (Path.cwd(), registry.root):
        home = (base / path).resolve()
        if home.is_dir():
            if home != registry.root.resolve() and home.is_relative_to(registry.root.resolve()):
                return home
            raise UsageError(f"{path} is not below {registry.root}", hint="a service lives below services.yaml")
    raise UsageError(f"there is no directory {path}", hint="give the directory that holds alembic.ini")


def _free(registry: Registry, name: str, relative: str) -> None:
    if name in registry.services:
        raise UsageError(f"a service is already called {name}", hint="choose another with --name", code="exists")
    for other, service in registry.services.items():
        if service.path == relative and service.alembic:
            raise UsageError(f"{relative} is already registered as {other}", hint="invoke service.list", code="exists")


def _configuration(home: Path) -> Path:
    """The ini file, or a pyproject.toml with [tool.alembic]."""
    for candidate in (home / "alembic.ini", *sorted(home.glob("*/alembic.ini"))):
        if candidate.is_file():
            return candidate
    project = home / "pyproject.toml"
    if project.is_file() and "[tool.alembic]" in project.read_text(encoding="utf-8", errors="replace"):
        return project
    raise UsageError(
        f"no alembic.ini in {home.name}, and no [tool.alembic] in its pyproject.toml",
        hint="invoke service.add NAME writes a new service",
        code="no_history",
    )


def describe_history(home: Path, config: Path, runner: tuple[str, ...]) -> dict[str, Any]:
    """What env.py tells Alembic, from one run of it, offline, in a process of its own (see worker/env_probe.py).

    Raises:
        Failed: it does not run.
    """
    from aegisdb.processes import run

    key = "toml_file" if config.suffix == ".toml" else "file_"
    request = json.dumps({"home": str(home), key: str(config)})
    argv = [*runners.python(runner, home), str(_PROBE)]
    done = run(argv, cwd=home, env=runners.environment(runner, home), stdin=request, timeout=_DEADLINE)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise Failed(
            f"env.py of {home.name} does not run: {last}",
            hint=runners.how_to_install(runner, home) if runner else "--runner 'poetry run' says where its own is",
            where=str(config),
            code="environment",
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _own(registry: Registry, found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Tables that nobody owns yet, and what a person should look at."""
    from fnmatch import fnmatchcase

    tables, notes = [], []
    for table in found["tables"]:
        owners = [
            other
            for other, service in registry.services.items()
            if any(fnmatchcase(table, pattern) for pattern in service.owns)
        ]
        if owners:
            notes.append(f"{table} is owned by {owners[0]} already and was left out")
        else:
            tables.append(table)
    if not found["has_metadata"]:
        notes.append("env.py gives Alembic no target_metadata: `owns` is empty, and migrate.new will find nothing")
    if not found["url_from"]:
        notes.append("env.py takes its URL from none of the usual places: set `alembic.url_env`, or nothing will run")
    return tables, notes


def _patterns(name: str, names: Iterable[str]) -> list[str]:
    """The names, those that begin with the service's own name as one pattern."""
    prefix = re.sub(r"[^a-z0-9]+", "_", name.lower()) + "_"
    named = [text for text in names if text.startswith(prefix)]
    if len(named) < _ENOUGH_FOR_A_PATTERN:
        return sorted(names)
    return [f"{prefix}*", *sorted(set(names) - set(named))]


def _entry(
    relative: str, found: Mapping[str, Any], config: Path, runner: tuple[str, ...], owns: list[str]
) -> dict[str, Any]:
    alembic: dict[str, Any] = {"version_table": found["version_table"], "driver": found["driver"]}
    inside = config.parent.name + "/" if config.parent.name != Path(relative).name else ""
    if config.suffix != ".toml":
        alembic = {"config": inside + config.name, **alembic}
    if found["url_from"] not in {"option", ""}:
        alembic["url_env"] = found["url_from"]
    entry: dict[str, Any] = {"path": relative, "alembic": alembic}
    if runner:
        entry["runner"] = list(runner)
    if found["schema"] and found["schema"] != "public":
        entry["schema"] = found["schema"]
    return {**entry, "owns": owns}
