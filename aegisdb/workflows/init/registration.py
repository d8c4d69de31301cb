"""Entries for histories that no service registers yet."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, Failed
from aegisdb.workflows.init.draft import name_of
from aegisdb.workflows.service.adopt import Examined, examine
from aegisdb.workflows.service.description import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aegisdb.registry.types import Service

_RUNNERS = {"poetry.lock": ("poetry", "run"), "uv.lock": ("uv", "run"), "Pipfile.lock": ("pipenv", "run")}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A history: what was found, or why it could not be read."""

    service: str
    path: str
    found: Examined | None = None
    error: AegisError | None = None


def registrations(root: Path, homes: tuple[Path, ...], known: Mapping[str, Service]) -> list[Registration]:
    """Examine every history that `known` does not have; each env.py runs once, offline, in a process of its own."""
    registered = {service.path for service in known.values() if service.alembic}
    paths = {home: home.relative_to(root).as_posix() for home in homes}
    new = [home for home in homes if paths[home] not in registered]
    claims = {pattern: name for name, service in known.items() for pattern in service.owns}
    made: list[Registration] = []
    for home, name in zip(new, _names(root, new, set(known)), strict=True):
        one = _examined(home, paths[home], name, claims)
        claims |= dict.fromkeys(one.found.entry["owns"], name) if one.found else {}
        made.append(one)
    return _apart(made, known)


def _names(root: Path, homes: list[Path], taken: set[str]) -> list[str]:
    """The folder's name; with its parent's where two folders share one."""
    short = [name_of(home) for home in homes]
    often = Counter(short)
    return [
        name if often[name] == 1 and name not in taken else name_of(root / "-".join(home.relative_to(root).parts))
        for home, name in zip(homes, short, strict=True)
    ]


def _examined(home: Path, relative: str, name: str, claims: Mapping[str, str]) -> Registration:
    first: AegisError | None = None
    for runner in ((), *_runners(home)):
        try:
            found = examine(home, relative, name, configuration(home), runner, claims)
            notes = found.notes if runner else (*found.notes, *_own_environment(home, name))
            return Registration(service=name, path=relative, found=replace(found, notes=notes))
        except AegisError as error:
            first = first or error
    return Registration(service=name, path=relative, error=first or Failed(f"{relative} cannot be read"))


def _own_environment(home: Path, name: str) -> Iterator[str]:
    """Tell that env.py ran here although the service has other versions of its packages, maybe."""
    for runner in _runners(home)[:1]:
        words = ", ".join(runner)
        yield f"it has an environment of its own and was read in this one: `runner: [{words}]` of {name} is that"


def _runners(home: Path) -> list[tuple[str, ...]]:
    """Environments of the service's own that are here and can be reached."""
    found = [words for lock, words in _RUNNERS.items() if (home / lock).is_file() and shutil.which(words[0])]
    return [*found, *([(".venv/bin/python",)] if (home / ".venv/bin/python").exists() else [])]


def _apart(made: list[Registration], known: Mapping[str, Service]) -> list[Registration]:
    """Give a schema of its own to each service whose version table another one has, too."""
    tables = Counter(one.found.version_table for one in made if one.found and "schema" not in one.found.entry)
    tables.update(s.alembic.version_table for s in known.values() if s.alembic and not s.schema)
    return [
        replace(one, found=_in_own_schema(one.service, one.found))
        if one.found and "schema" not in one.found.entry and tables[one.found.version_table] > 1
        else one
        for one in made
    ]


def _in_own_schema(name: str, found: Examined) -> Examined:
    schema = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    said = (
        f"several histories keep their revision in {found.version_table}, so {name} is given the schema {schema} "
        "with a version table of its own; to stay in public, give context.configure() a version_table="
    )
    entry: dict[str, Any] = {key: value for key, value in found.entry.items() if key != "owns"}
    return replace(found, entry={**entry, "schema": schema}, notes=(*found.notes, said))
