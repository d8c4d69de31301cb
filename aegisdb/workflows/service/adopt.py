"""Register a history that exists: find its version table, its owner patterns and where it takes its URL from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import BadInput, Failed, UsageError
from aegisdb.plain_text import exception_line
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
    ws: Workspace, path: str, *, name: str = "", runner: str = "", script_location: str = "", dry_run: bool = False
) -> ServiceAdoptResult:
    """Register the Alembic history in a directory. Its env.py runs once, offline, in a process of its own.

    Args:
        ws: the open workspace.
        path: the service's directory, relative to the working directory or to services.yaml.
        name: its name in services.yaml; the directory's name otherwise.
        runner: how to reach the service's own environment, e.g. "poetry run"; empty for this one.
        script_location: `package:directory` of a history inside an installed package; the directory needs no ini then.
        dry_run: write nothing.

    Raises:
        UsageError: no such directory, no Alembic configuration in it, or it is registered already.
        BadInput: the entry does not fit into services.yaml, e.g. its version table is another service's.
        Failed: env.py does not run.
    """
    from aegisdb.files import replace_file

    home = _home(ws.registry, path)
    relative = home.relative_to(ws.registry.root.resolve()).as_posix()
    name = name or home.name
    _free(ws.registry, name, relative)
    claims = {pattern: other for other, service in ws.registry.services.items() for pattern in service.owns}
    config = script_location or configuration(home)
    found = examine(home, relative, name, config, runner_words(runner), claims)
    text, lines = _inserted(ws.registry, name, found)
    if not dry_run:
        replace_file(ws.registry.path, text, durable=True)
    return ServiceAdoptResult(
        service=name,
        path=relative,
        written=not dry_run,
        version_table=found.version_table,
        revisions=found.revisions,
        tables=found.tables,
        url_source=found.url_source,
        entry=lines,
        notes=found.notes,
    )


def _inserted(registry: Registry, name: str, found: Examined) -> tuple[str, str]:
    """The text of services.yaml and the lines of the entry; what was found is told even where it does not fit."""
    from aegisdb.registry.insertion import entry_text, with_service

    try:
        return with_service(registry.path, name, found.entry)
    except BadInput as error:
        entry = {**found.entry, "schema": re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")}
        way = "a schema of its own keeps both apart" if found.version_table in error.message else "correct it by hand"
        told = f"{len(found.tables)} tables, {found.revisions} revisions, version table {found.version_table}"
        raise error.amended(hint=f"found: {told}; {way}:\n{entry_text(name, entry, 2)}") from None


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What env.py and the revision files of one history say, and the entry that follows from it."""

    entry: dict[str, Any]
    version_table: str
    revisions: int
    tables: tuple[str, ...]
    url_source: str
    notes: tuple[str, ...]


def examine(
    home: Path, relative: str, name: str, config: Path | str, runner: tuple[str, ...], claims: Mapping[str, str]
) -> Examined:
    """Run a history's env.py once, offline, and read its revisions.

    Args:
        home: the service's directory.
        relative: the same, as services.yaml is to say it.
        name: the service's name.
        config: alembic.ini, pyproject.toml, or an env.py that has neither; a text is `package:directory`.
        runner: how to reach the service's own environment.
        claims: patterns that services own already, with the service of each.

    Raises:
        Failed: env.py does not run.
    """
    found = describe_history(home, config, runner)
    tables, notes = _own(claims, found)
    return Examined(
        entry=_entry(relative, found, home, config, runner, _patterns(name, (*tables, *found["types"]))),
        version_table=found["version_table"],
        revisions=len(found["files"]),
        tables=tuple(tables),
        url_source={"option": "sqlalchemy.url", "": "a place of its own"}.get(found["url_from"], found["url_from"]),
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


def configuration(home: Path) -> Path:
    """The ini file, or a pyproject.toml with [tool.alembic], or the env.py of a history without either.

    Raises:
        UsageError: there is none of them.
    """
    for candidate in (home / "alembic.ini", *sorted(home.glob("*/alembic.ini"))):
        if candidate.is_file():
            return candidate
    if has_alembic_table(home / "pyproject.toml"):
        return home / "pyproject.toml"
    for candidate in (home / "env.py", *sorted(home.glob("*/env.py"))):
        if (candidate.parent / "versions").is_dir():
            return candidate
    raise UsageError(
        f"{home.name} has no alembic.ini, no [tool.alembic] in pyproject.toml, no env.py beside a versions folder",
        hint="--script-location package:directory adopts that of an installed package, invoke service.add writes one",
        code="no_history",
    )


def has_alembic_table(pyproject: Path) -> bool:
    """Whether this pyproject.toml configures Alembic."""
    return pyproject.is_file() and "[tool.alembic]" in pyproject.read_text(encoding="utf-8", errors="replace")


def describe_history(home: Path, config: Path | str, runner: tuple[str, ...]) -> dict[str, Any]:
    """What env.py tells Alembic, from one run of it, offline, in a process of its own (see worker/env_probe.py).

    Raises:
        Failed: it does not run.
    """
    from aegisdb.processes import run

    request = {"home": str(home)}
    if isinstance(config, str):
        request["script_location"] = config
    elif config.suffix == ".ini":
        request["file_"] = str(config)
    if isinstance(config, str):
        pass  # the package says the rest
    elif config.name == "env.py":
        request["script_location"] = str(config.parent)
    elif has_alembic_table(home / "pyproject.toml"):  # `alembic init -t pyproject` has both, and Alembic reads both
        request["toml_file"] = str(home / "pyproject.toml")
    argv = [*runners.python(runner, home), str(_PROBE)]
    environment = runners.environment(runner, home)
    done = run(argv, cwd=home, env=environment, stdin=json.dumps(request), timeout=_DEADLINE)
    if done.returncode:
        last = exception_line(done.stderr)
        raise Failed(
            f"env.py of {home.name} does not run: {last}",
            hint=_way_to_run(last, home, runner),
            where=str(config),
            code="environment",
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _way_to_run(last: str, home: Path, runner: tuple[str, ...]) -> str:
    if not last.startswith(("ModuleNotFoundError", "ImportError")):
        return f"`alembic history` in {home.name} shows the whole error"
    return runners.how_to_install(runner, home) if runner else "--runner 'poetry run' says where its own is"


def _own(claims: Mapping[str, str], found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Tables that nobody owns yet, and what a person should look at."""
    from fnmatch import fnmatchcase

    tables, notes = [], []
    for table in found["tables"] or _created(found["files"]):
        owner = next((other for pattern, other in claims.items() if fnmatchcase(table, pattern)), "")
        if owner:
            notes.append(f"{table} is owned by {owner} already and was left out")
        else:
            tables.append(table)
    if not found["has_metadata"]:
        said = "the tables are those that its revisions create" if tables else "`owns` is empty"
        notes.append(f"env.py gives Alembic no target_metadata: {said}, and migrate.new will find nothing")
    if found["left_out"]:
        notes.append(f"no MetaData, left out of target_metadata: {', '.join(found['left_out'])}")
    if not found["url_from"]:
        notes.append("env.py takes its URL from none of the usual places: set `alembic.url_env`, or nothing will run")
    return tables, notes


def _created(files: Iterable[str]) -> list[str]:
    """Tables that the revisions create and keep, as far as their texts tell."""
    import ast

    from aegisdb.lint.steps import steps

    acts = [
        act
        for file in files
        for step in steps(ast.parse(Path(file).read_bytes()), "upgrade")
        for act in step.acts
        if act.kind == "table" and not act.temporary
    ]
    gone = {act.name for act in acts if act.verb == "drop"}
    return sorted({act.name for act in acts if act.verb == "create" and act.name} - gone)


def _patterns(name: str, names: Iterable[str]) -> list[str]:
    """The names, those that begin with the service's own name as one pattern."""
    prefix = re.sub(r"[^a-z0-9]+", "_", name.lower()) + "_"
    named = [text for text in names if text.startswith(prefix)]
    if len(named) < _ENOUGH_FOR_A_PATTERN:
        return sorted(names)
    return [f"{prefix}*", *sorted(set(names) - set(named))]


def _entry(
    relative: str, found: Mapping[str, Any], home: Path, config: Path | str, runner: tuple[str, ...], owns: list[str]
) -> dict[str, Any]:
    alembic: dict[str, Any] = {"version_table": found["version_table"], "driver": found["driver"]}
    if isinstance(config, str):
        alembic = {"config": None, "script_location": config, **alembic}
    elif config.suffix == ".ini":
        alembic = {"config": config.relative_to(home).as_posix(), **alembic}
    elif config.name == "env.py":
        alembic = {"config": None, "script_location": config.parent.relative_to(home).as_posix(), **alembic}
    if found["url_from"] not in {"option", ""}:
        alembic["url_env"] = found["url_from"]
    entry: dict[str, Any] = {"path": relative, "alembic": alembic}
    if runner:
        entry["runner"] = list(runner)
    if found["schema"] and found["schema"] != "public":
        entry["schema"] = found["schema"]
    return {**entry, "owns": owns}
