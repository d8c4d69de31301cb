"""Where a service keeps its history: alembic.ini, `[tool.alembic]` of pyproject.toml, or the registry itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from aegisdb.errors import HistoryError, UsageError
from aegisdb.file_cache import identity
from aegisdb.files import is_directory, is_file
from aegisdb.revisions.locations import Locations, Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from configparser import ConfigParser

    from aegisdb.file_cache import Remembered
    from aegisdb.registry.types import AlembicSettings, Registry, Service

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_SECTION = "alembic"


def locate(registry: Registry, name: str) -> Locations:
    """Find the history of a service without importing anything of it.

    Raises:
        HistoryError: a missing or unreadable configuration, or a directory that is not there.
    """
    found = configured(registry, name)
    require_directories(name, found)
    return found


def located(name: str, home: str, service: Service, settings: AlembicSettings) -> Locations:
    """Locate the scripts of a service that no registry has yet."""
    found = Locations(_configured(home, service, settings, None))
    require_directories(name, found)
    return found


def configured(registry: Registry, name: str, remembered: Remembered | None = None) -> Locations:
    """Say where the history of a service should be; `remembered` spares reading unchanged files.

    Raises:
        HistoryError: a missing or unreadable configuration.
    """
    settings, service = alembic_settings(registry, name), registry.services[name]
    return Locations(_configured(_joined(str(registry.root), service.path), service, settings, remembered))


def require_directories(name: str, locations: Locations) -> None:
    """Require that the directories of a history are there.

    Raises:
        HistoryError: one is not.
    """
    found = locations.places
    for directory in (found.script, *found.versions):
        if not is_directory(directory):
            # git keeps no empty directory, so a clone of a history without revisions lacks it
            hint = f"mkdir {quote(directory)}, if there is no revision yet" if is_directory(found.script) else ""
            told_by = found.ini or found.pyproject or found.home
            raise HistoryError(f"{name}: there is no directory {directory}", hint=hint, where=told_by)


def _joined(folder: str, name: str) -> str:
    """As Path joins them; where nothing is left to tidy up in a tenth of the time."""
    plain = name[:1] not in {"", ".", "/"} and name[-1] != "/" and "/." not in name and "//" not in name
    return f"{folder}/{name}" if plain and folder != "/" else str(Path(folder, name))


def make_empty_folders(registry: Registry) -> None:
    """Make the folders for revisions that a tree out of git lacks, since git keeps none that is empty."""
    for name, service in registry.services.items():
        if service.alembic is None:
            continue
        try:
            found = configured(registry, name)
        except HistoryError:
            continue  # who reads the history tells it
        inside = (folder for folder in found.versions if folder.is_relative_to(registry.root))
        for folder in inside if found.env_py.is_file() else ():
            folder.mkdir(parents=True, exist_ok=True)


def _configured(home: str, service: Service, settings: AlembicSettings, remembered: Remembered | None) -> Places:
    """Where the configuration says that a history is."""
    ini, pyproject = _files(home, settings, remembered.is_file if remembered is not None else is_file)
    told = _told(home, ini, pyproject, remembered)
    script = _script(home, service, settings.script_location or told.script, ini)
    listed = settings.version_locations or told.versions
    versions = tuple(_resolve(home, service, location) for location in listed) or (_joined(script, "versions"),)
    return Places(home, ini, pyproject, script, versions, settings.recursive_version_locations or told.recursive)


def alembic_settings(registry: Registry, name: str) -> AlembicSettings:
    """The `alembic:` part of a service.

    Raises:
        UsageError: there is no such service, or it has no history; with the names that do.
    """
    settings = registry.service(name).alembic
    if settings is None:
        known = [other for other, service in registry.services.items() if service.alembic is not None]
        raise UsageError(
            f"service {name!r} has no Alembic history",
            hint=f"services with one: {', '.join(known) or 'none'}",
            code="no_history",
        )
    return settings


def _files(home: str, settings: AlembicSettings, is_file: Callable[[str], bool]) -> tuple[str, str]:
    """Its alembic.ini or what it has instead, and pyproject.toml; empty for none."""
    if settings.config is None:
        return "", ""
    config, beside = _joined(home, settings.config), f"{home}/pyproject.toml"
    pyproject = beside if is_file(beside) else ""
    if not is_file(config):
        if settings.config == "alembic.ini" and (settings.script_location or pyproject):
            return "", pyproject
        raise HistoryError(f"there is no {config}", where=config, hint="see `alembic.config` in services.yaml")
    return ("", config) if config.endswith(".toml") else (config, pyproject)


class _Told(NamedTuple):
    """What the configuration says of where things are, as it is written there."""

    script: str
    versions: list[str]
    recursive: bool


def _told(home: str, ini: str, pyproject: str, remembered: Remembered | None) -> _Told:
    first = ini or pyproject
    if not first:
        return _Told("", [], recursive=False)
    beside = identity(pyproject) if pyproject else None
    known = remembered.get(first) if remembered is not None else None
    if known is None or known[0] != beside:
        options = _Options(home, ini, pyproject)
        known = [
            beside,
            options.text("script_location"),
            options.paths("version_locations"),
            options.flag("recursive_version_locations"),
        ]
        if remembered is not None:
            remembered.put(first, known)
    return _Told(*known[1:])


class _Options:
    """Options of `[alembic]`, then of `[tool.alembic]`, as Alembic itself reads them."""

    def __init__(self, home: str, ini: str, pyproject: str) -> None:
        self._here = str(Path(ini).parent) if ini else home
        self._ini = self._read_ini(Path(ini)) if ini else None
        self._toml, self._toml_here = self._read_toml(Path(pyproject) if pyproject else None)

    def _read_ini(self, path: Path) -> ConfigParser:
        from configparser import ConfigParser
        from configparser import Error as IniError

        parser = ConfigParser({"here": self._here})
        try:
            parser.read(path, encoding="utf-8")
        except (IniError, UnicodeDecodeError) as error:
            raise HistoryError(f"{path.name} cannot be read: {error}", where=str(path)) from None
        return parser

    def _read_toml(self, path: Path | None) -> tuple[dict[str, Any], str]:
        if path is None:
            return {}, ""
        import tomllib

        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get(_SECTION, {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise HistoryError(f"{path.name} cannot be read: {error}", where=str(path)) from None
        return table, str(path.parent)

    def text(self, option: str) -> str:
        """An option's value with `%(here)s` filled in; empty when not set."""
        if self._ini is not None and self._ini.has_option(_SECTION, option):
            from configparser import InterpolationError

            try:
                return self._ini.get(_SECTION, option)
            except InterpolationError as error:
                raise HistoryError(f"`{option}` cannot be read: {error}", where=self._here) from None
        value = self._toml.get(option, "")
        return value % {"here": self._toml_here} if isinstance(value, str) else ""

    def flag(self, option: str) -> bool:
        """A true or false option."""
        return self.text(option) == "true" or self._toml.get(option) is True

    def paths(self, option: str) -> list[str]:
        """A list of paths, split by `path_separator` or, in old files, by spaces and commas."""
        listed = self._toml.get(option)
        if not self.text(option) and isinstance(listed, list):
            return [str(item) % {"here": self._toml_here} for item in listed]
        separator = self.text("path_separator") or self.text("version_path_separator")
        parts = re.split(r", *| +", self.text(option)) if not separator else self._split(option, separator)
        return [part.strip() for part in parts if part.strip()]

    def _split(self, option: str, separator: str) -> list[str]:
        return self.text(option).split(_SEPARATORS.get(separator, separator))


def _script(home: str, service: Service, location: str, ini: str) -> str:
    if not location:
        raise HistoryError(
            "no `script_location` says where env.py is",
            where=ini or home,
            hint="set it in alembic.ini, in [tool.alembic] of pyproject.toml, or in services.yaml",
        )
    return _resolve(home, service, location)


def _resolve(home: str, service: Service, location: str) -> str:
    # Alembic's rule: a colon in a relative name means package:directory
    if ":" in location and not Path(location).is_absolute():
        package, *parts = location.split(":")
        return str(_package(Path(home), service, package).joinpath(*parts))
    return os.path.normpath(os.path.join(home, location))  # noqa: PTH118  a thousand of them


def _package(home: Path, service: Service, package: str) -> Path:
    if service.runner:
        from aegisdb.package_lookup import package_directory

        return package_directory(home, service.runner, package)
    import sys
    from importlib.machinery import PathFinder

    search = [str(home), *sys.path]
    for part in package.split("."):
        spec = PathFinder.find_spec(part, search)
        if spec is None or spec.submodule_search_locations is None:
            raise HistoryError(f"there is no package {package} in this environment", where=str(home))
        search = list(spec.submodule_search_locations)
    return Path(search[0])
