"""The PostgreSQL of a compose file: who owns what, and the init SQL that is mounted into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_IMAGE = re.compile(r"postg|pgvector|timescale|apache/age", re.IGNORECASE)
_MOUNTED = PurePosixPath("/docker-entrypoint-initdb.d")
_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+)(?:(?P<kind>:?[-?])(?P<default>[^}]*))?\})")


@dataclass(frozen=True, kw_only=True)
class ComposeDatabase:
    """One PostgreSQL service; texts may hold `${VAR}` as services.yaml spells it, empty where nothing is said."""

    file: str
    service: str
    name: str
    user: str
    password: str
    init: tuple[str, ...]
    unsure: tuple[str, ...]


def databases(path: Path, root: Path) -> list[ComposeDatabase]:
    """Every PostgreSQL of a compose file; none where the file cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return []
    services = document.get("services") if isinstance(document, Mapping) else None
    found = services.items() if isinstance(services, Mapping) else ()
    return [
        _database(str(name), service, path, root)
        for name, service in found
        if isinstance(service, Mapping) and _is_postgres(service)
    ]


def _is_postgres(service: Mapping[str, Any]) -> bool:
    return bool(_IMAGE.search(str(service.get("image", "")))) or any(True for _ in _mounts(service))


def _database(name: str, service: Mapping[str, Any], path: Path, root: Path) -> ComposeDatabase:
    environment = _environment(service)
    init, unsure = [], []
    for source, _target in sorted(_mounts(service), key=lambda mount: mount[1]):
        for file in _files((path.parent / source).resolve()):
            relative = file.relative_to(root).as_posix() if file.is_relative_to(root) else ""
            if relative and file.suffix == ".sql":
                init.append(relative)
            else:
                unsure.append(f"{file.name} of {path.name} is no SQL file below {root.name}: it was left out of init")
    if service.get("env_file") and "POSTGRES_USER" not in environment:
        unsure.append(f"{name} of {path.name} has an env_file: compare database, user and password with it")
    user = _text(environment.get("POSTGRES_USER", ""))
    return ComposeDatabase(
        file=path.relative_to(root).as_posix(),
        service=name,
        name=_text(environment.get("POSTGRES_DB", "")) or user,
        user=user,
        password=_text(environment.get("POSTGRES_PASSWORD", "")),
        init=tuple(init),
        unsure=tuple(unsure),
    )


def _environment(service: Mapping[str, Any]) -> dict[str, str]:
    given = service.get("environment") or {}
    pairs = given.items() if isinstance(given, Mapping) else (str(item).partition("=")[::2] for item in given)
    return {str(name): "" if value is None else str(value) for name, value in pairs}


def _mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, PurePosixPath]]:
    """Source and target of what is mounted where the image looks for init files."""
    for volume in service.get("volumes") or ():
        if isinstance(volume, Mapping):
            source, target = str(volume.get("source", "")), str(volume.get("target", ""))
        else:
            source, _, rest = str(volume).partition(":")
            target = rest.partition(":")[0]
        place = PurePosixPath(target)
        if source.startswith((".", "/")) and (place == _MOUNTED or _MOUNTED in place.parents):
            yield source, place


def _files(mounted: Path) -> list[Path]:
    if mounted.is_dir():
        return sorted(file for file in mounted.iterdir() if file.is_file())
    return [mounted] if mounted.is_file() else []


def _text(value: str) -> str:
    """The variables of a compose file as services.yaml spells them: `${VAR}` and `${VAR:-default}`."""

    def spelled(match: re.Match[str]) -> str:
        name, kind = match["plain"] or match["braced"], match["kind"] or ""
        return f"${{{name}:-{match['default']}}}" if kind.endswith("-") else f"${{{name}}}"

    return _VARIABLE.sub(spelled, value)
