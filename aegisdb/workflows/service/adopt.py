"""Register a history that exists: find its version table, its owner patterns and where it takes its URL from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput, Failed, UsageError
from aegisdb.plain_text import number_of
from aegisdb.results import Result
from aegisdb.workflows.service.add import runner_words
from aegisdb.workflows.service.created_tables import created
from aegisdb.workflows.service.description import configuration, describe_history, is_beside
from aegisdb.workflows.service.second_default import refuse_second_default, way_out
from aegisdb.workflows.service.seen_revisions import seen_revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_ENOUGH_FOR_A_PATTERN = 2
_SOURCES = {"option": "sqlalchemy.url", "connection": 'config.attributes["connection"]'}
"""Sources of the URL that need no key."""


@dataclass(frozen=True, kw_only=True)
class ServiceAdoptResult(Result):
    """The history that was found, and its entry."""

    service: str
    path: str
    written: bool
    version_table: str
    revisions: int
    tables: tuple[str, ...]
    """Own tables, by env.py's metadata and filters."""
    url_source: str
    """The place that env.py takes its URL from."""
    entry: str
    """The lines added to services.yaml."""
    notes: tuple[str, ...]
    """What a person should look at."""


def service_adopt(
    ws: Workspace,
    path: str,
    *,
    name: str = "",
    runner: str = "",
    script_location: str = "",
    schema: str = "",
    dry_run: bool = False,
) -> ServiceAdoptResult:
    """Register the Alembic history in a directory. Its env.py runs without a database, in a process of its own.

    Args:
        ws: the open workspace.
        path: the service's directory, relative to the working directory or to services.yaml.
        name: its name in services.yaml; the directory's name otherwise.
        runner: how to reach the service's own environment, e.g. "poetry run"; empty for this one.
        script_location: `package:directory` of a history inside an installed package; the directory needs no ini then.
        schema: the schema that it gets for itself, with its version table in it.
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
    words = runner_words(runner)
    if not schema:
        refuse_second_default(ws.registry, name, relative, config, words)
    found = examine(home, relative, name, config, words, claims)
    if schema:
        found = found.in_schema(schema)
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
        if found.version_table not in error.message:
            told = (
                f"found: {number_of(len(found.tables), 'table')}, {number_of(found.revisions, 'revision')},"
                f" version table {found.version_table}"
            )
            raise error.amended(hint=f"{told}; correct it by hand:\n{entry_text(name, found.entry, 2)}") from None
        raise error.amended(
            hint=way_out(name, found.tables, found.revisions, found.version_table, found.entry)
        ) from None


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What env.py and the revision files of one history say, and the entry that follows from it."""

    entry: dict[str, Any]
    version_table: str
    revisions: int
    tables: tuple[str, ...]
    url_source: str
    notes: tuple[str, ...]

    def in_schema(self, schema: str) -> Examined:
        """Examine a service with a schema of its own: all in it is its own."""
        entry = {**self.entry, "schema": schema}
        del entry["owns"]
        return replace(self, entry=entry)


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
    if found["places"]:
        found = _settled(found, lambda places: describe_history(home, config, runner, places))
    tables, notes = _own(claims, found)
    entry = _entry(relative, found, home, config, runner, _patterns(name, (*tables, *found["types"])))
    seen = seen_revisions(name, home, entry, found["files"])
    return Examined(
        entry=entry,
        version_table=found["version_table"],
        revisions=seen.number,
        tables=tuple(tables),
        url_source=_SOURCES.get(found["url_from"], found["url_from"] or found["place"] or "a place of its own"),
        notes=(*notes, *seen.notes),
    )


def _settled(found: dict[str, Any], again: Callable[[list[str]], dict[str, Any]]) -> dict[str, Any]:
    """What another run tells, with a canary in each place of the application that holds the URL of the first run."""
    try:
        settled = again(found["places"])
    except Failed:
        return found  # an application that does not run with another URL than its own
    return {**found, "place": settled["place"], "driver": settled["driver"]} if settled["place"] else found


def _home(registry: Registry, path: str) -> Path:
    for base in (Path.cwd(), registry.root):
        home = (base / path).resolve()
        if home.is_dir():
            if home != registry.root.resolve() and home.is_relative_to(registry.root.resolve()):
                return home
            raise UsageError(f"{path} is not below {registry.root}", hint="a service lives below services.yaml")
    raise UsageError(f"there is no directory {path}", hint="give the directory that holds alembic.ini")


def _free(registry: Registry, name: str, relative: str) -> None:
    for other, service in registry.services.items():
        if service.path == relative and service.alembic:
            raise UsageError(f"{relative} is already registered as {other}", hint="invoke service.list", code="exists")
    if name in registry.services:
        raise UsageError(f"a service is already called {name}", hint="choose another with --name", code="exists")


def _own(claims: Mapping[str, str], found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Tables that no service owns yet, and what a person should look at."""
    from fnmatch import fnmatchcase

    tables, notes = [], []
    for table in found["tables"] or created(found["files"]):
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
    if not found["url_from"] and not found["place"]:
        told = "set `alembic.url_env` or `alembic.url_setting`, or nothing will run"
        notes.append(f"env.py takes its URL from none of the usual places: {told}")
    return tables, notes


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
        beside = {"script_location": config.parent.relative_to(home).as_posix()} if is_beside(config) else {}
        alembic = {"config": config.relative_to(home).as_posix(), **beside, **alembic}
    elif config.name == "env.py":
        alembic = {"config": None, "script_location": config.parent.relative_to(home).as_posix(), **alembic}
    if found["place"]:
        alembic["url_setting"] = found["place"]
    elif found["url_from"] not in {*_SOURCES, ""}:
        alembic["url_env"] = found["url_from"]
    alembic |= found["folders"]
    entry: dict[str, Any] = {"path": relative, "alembic": alembic}
    if runner:
        entry["runner"] = list(runner)
    if found["schema"] and found["schema"] != "public":
        entry["schema"] = found["schema"]
    return {**entry, "owns": owns}
