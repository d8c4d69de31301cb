"""Where a service keeps its history: alembic.ini, `[tool.alembic]` of pyproject.toml, or the registry itself."""

from __future__ import annotations

import os
import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from aegisdb.errors import HistoryError, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.file_cache import identity
from aegisdb.files import is_directory, is_file

if TYPE_CHECKING:
    from configparser import ConfigParser

    from aegisdb.file_cache import Remembered
    from aegisdb.registry.types import AlembicSettings, Registry, Service

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_SECTION = "alembic"


@dataclass(frozen=True)
class Locations:
    """Files and directories of one history."""

    home: Path
    """The service's directory: relative paths start here, as they do for `alembic` typed in it."""
    ini: Path | None
    pyproject: Path | None
    script: Path
    """Directory of env.py."""
    versions: tuple[Path, ...]
    recursive: bool = False

    @property
    def env_py(self) -> Path:
        """The environment script."""
        return self.script / "env.py"


def locate(registry: Registry, name: str, remembered: Remembered | None = None) -> Locations:
    """Find the history of a service without importing anything of it. `remembered` spares reading unchanged files.

    Raises:
        HistoryError: a missing or unreadable configuration, or a directory that is not there.
    """
    service = registry.services[name]
    return located(name, registry.root / service.path, service, alembic_settings(registry, name), remembered)


def located(
    name: str, home: Path, service: Service, settings: AlembicSettings, remembered: Remembered | None = None
) -> Locations:
    """Locate the scripts of a service that no registry has yet."""
    found = _configured(home, service, settings, remembered)
    for directory in (found.script, *found.versions):
        if not is_directory(directory):
            # git keeps no empty directory, so a clone of a history without revisions lacks it
            hint = f"mkdir {quote(str(directory))}, if there is no revision yet" if found.script.is_dir() else ""
            told_by = str(found.ini or found.pyproject or home)
            raise HistoryError(f"{name}: there is no directory {directory}", hint=hint, where=told_by)
    return found


def make_empty_folders(registry: Registry) -> None:
    """Make the folders for revisions that a tree out of git lacks, since git keeps none that is empty."""
    for service in registry.services.values():
        if service.alembic is None:
            continue
        try:
            found = _configured(registry.root / service.path, service, service.alembic, None)
        except HistoryError:
            continue  # who reads the history tells it
        inside = (folder for folder in found.versions if folder.is_relative_to(registry.root))
        for folder in inside if found.env_py.is_file() else ():
            folder.mkdir(parents=True, exist_ok=True)


def _configured(home: Path, service: Service, settings: AlembicSettings, remembered: Remembered | None) -> Locations:
    """Where the configuration says that a history is."""
    ini, pyproject = _files(home, settings)
    told = _told(home, ini, pyproject, remembered)
    script = _script(home, service, settings.script_location or told.script, ini)
    listed = settings.version_locations or told.versions
    versions = tuple(_resolve(home, service, location) for location in listed) or (script / "versions",)
    return Locations(home, ini, pyproject, script, versions, settings.recursive_version_locations or told.recursive)


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


def _files(home: Path, settings: AlembicSettings) -> tuple[Path | None, Path | None]:
    if settings.config is None:
        return None, None
    config = home / settings.config
    beside = f"{home}/pyproject.toml"
    pyproject = Path(beside) if is_file(beside) else None
    if not is_file(config):
        if settings.config == "alembic.ini" and (settings.script_location or pyproject is not None):
            return None, pyproject
        raise HistoryError(f"there is no {config}", where=str(config), hint="see `alembic.config` in services.yaml")
    if config.suffix == ".toml":
        return None, config
    return config, pyproject


class _Told(NamedTuple):
    """What the configuration says of where things are, as it is written there."""

    script: str
    versions: list[str]
    recursive: bool


def _told(home: Path, ini: Path | None, pyproject: Path | None, remembered: Remembered | None) -> _Told:
    first = ini or pyproject
    if first is None:
        return _Told("", [], recursive=False)
    beside = identity(pyproject) if pyproject is not None else None
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

    def __init__(self, home: Path, ini: Path | None, pyproject: Path | None) -> None:
        self._here = str((ini or home / "alembic.ini").parent)
        self._ini = self._read_ini(ini) if ini else None
        self._toml, self._toml_here = self._read_toml(pyproject)

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


def _script(home: Path, service: Service, location: str, ini: Path | None) -> Path:
    if not location:
        raise HistoryError(
            "no `script_location` says where env.py is",
            where=str(ini or home),
            hint="set it in alembic.ini, in [tool.alembic] of pyproject.toml, or in services.yaml",
        )
    return _resolve(home, service, location)


def _resolve(home: Path, service: Service, location: str) -> Path:
    # Alembic's rule: a colon in a relative name means package:directory
    if ":" in location and not Path(location).is_absolute():
        package, *parts = location.split(":")
        return _package(home, service, package).joinpath(*parts)
    return Path(os.path.normpath(os.path.join(home, location)))  # noqa: PTH118  a thousand of them


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
