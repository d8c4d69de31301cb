"""Where a history keeps its revisions, when that is not what the configuration of the service says.

A package hands an ini file of its own to Alembic, or its env.py sets the folders itself.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

_INI = "alembic.ini"


def settled(script: Any, opening: dict[str, Any]) -> Any:
    """The script directory with the folders of services.yaml, which are absolute here."""
    if opening["version_locations"]:
        script.version_locations = opening["version_locations"]
    if opening["recursive_version_locations"]:
        script.recursive_version_locations = True
    return script


class Found:
    """The folders of one history before its env.py ran, to be compared with those afterwards."""

    def __init__(self, script: Any) -> None:
        self._script = script
        self._before = _told(script)

    def take_packaged(self, location: str) -> None:
        """Let the ini file of the package that holds the history count, where that is about this history."""
        package = _directory(location)
        for folder in (Path(self._script.dir), *Path(self._script.dir).parents) if package else ():
            if (folder / _INI).is_file() and (packaged := _packaged(folder, Path(self._script.dir))) is not None:
                self._script.version_locations, self._script.recursive_version_locations = packaged
                return
            if folder == _top(package, location):
                return

    def keys(self, home: Path, location: str) -> dict[str, Any]:
        """What services.yaml must say, since no configuration of the service does."""
        folders, recursive = _told(self._script)
        keys: dict[str, Any] = {}
        if folders != self._before[0]:
            package = (location.partition(":")[0], _directory(location))
            keys["version_locations"] = [_written(Path(folder), home, package) for folder in folders]
        if recursive and not self._before[1]:
            keys["recursive_version_locations"] = True
        return keys


def place(script: Any, head: Any) -> str | None:
    """Where the revision after `head` is written; None where Alembic finds that out itself.

    It knows no place for a first revision that could go into several folders, nor for one after a head that stands in a
    folder of one of them (`recursive_version_locations`).
    """
    folders = [Path(folder).absolute() for folder in script._version_locations]  # noqa: SLF001 - of all Alembic versions
    heads = [Path(one.path).absolute() for one in script.get_revisions(head or "heads") if one]
    if len(folders) == 1 or any(path.parent in folders for path in heads):
        return None
    holding = (folder for path in heads for folder in folders if path.is_relative_to(folder))
    return str(next(holding, folders[0]))


def _told(script: Any) -> tuple[list[str], bool]:
    folders = [str(folder) for folder in script.version_locations or ()]
    return folders, bool(getattr(script, "recursive_version_locations", False))  # Alembic knows it since 1.10


def _directory(location: str) -> Path | None:
    """Find the directory of the package in `package:directory`."""
    spec = find_spec(location.partition(":")[0]) if ":" in location else None
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def _top(package: Path | None, location: str) -> Path | None:
    """The directory of the first package of the dotted name."""
    dots = location.partition(":")[0].count(".")
    return package.parents[dots - 1] if package and dots else package


def _packaged(folder: Path, script: Path) -> tuple[list[str], bool] | None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import coerce_resource_to_filename

    config = Config(str(folder / _INI))
    written = config.get_main_option("script_location")
    if written is None or (folder / coerce_resource_to_filename(written)).resolve() != script.resolve():
        return None
    config.set_main_option("script_location", str(script).replace("%", "%%"))
    folders, recursive = _told(ScriptDirectory.from_config(config))
    return [str(folder / coerce_resource_to_filename(one)) for one in folders], recursive


def _written(folder: Path, home: Path, package: tuple[str, Path | None]) -> str:
    """As services.yaml can say it; absolute where neither the service nor its package holds it."""
    name, directory = package
    if directory is not None and folder.resolve().is_relative_to(directory.resolve()):
        return f"{name}:{folder.resolve().relative_to(directory.resolve()).as_posix()}"
    if (home / folder).resolve().is_relative_to(home.resolve()):
        return (home / folder).resolve().relative_to(home.resolve()).as_posix()
    return str(folder)
