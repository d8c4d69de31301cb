"""What a service's env.py tells Alembic, found out without a database: `python env_probe.py`, JSON in and out.

A program of its own that needs only Alembic, so that it also runs in the service's environment. env.py runs once,
offline, up to `context.configure()`. Every place that it may take its URL from holds a different canary before,
so that the URL it passes on says which one it read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

_SETTING = re.compile(r"\b[A-Z][A-Z0-9_]*(?:URL|DSN|URI|CONN|CONNECTION)\b")
_PREFIX = re.compile(r"""env_prefix["']?\s*[=:]\s*["']([A-Za-z0-9_]+)["']""")
_CANARY = "postgresql://probe:probe@127.0.0.1:1/"
_SKIPPED = {".venv", "venv", ".git", "node_modules", "__pycache__", ".tox", "site-packages"}
_MOST_FILES = 2000


class Described(BaseException):
    """Ends env.py when it calls `context.configure()`; no `except Exception` of its own swallows it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings


def setting_names(home: Path) -> list[str]:
    """Names in the service's code that look like a variable with a URL."""
    found: set[str] = set()
    for number, file in enumerate(_sources(home)):
        if number > _MOST_FILES:
            break
        found.update(_SETTING.findall(file.read_text(encoding="utf-8", errors="replace")))
    # a settings class spells its fields in lower case and reads the upper case variable, maybe behind a prefix
    fields = {name.upper() for name in _lower_fields(home)}
    return sorted(found | fields | {prefix.upper() + name for prefix in _prefixes(home) for name in found | fields})


def _sources(home: Path) -> list[Path]:
    files: list[Path] = []
    for directory, folders, names in os.walk(home):
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED)
        files += [Path(directory) / name for name in sorted(names) if name.endswith(".py") or name == ".env.example"]
    return files


def _prefixes(home: Path) -> set[str]:
    files = _sources(home)[:_MOST_FILES]
    return {name for file in files for name in _PREFIX.findall(file.read_text(encoding="utf-8", errors="replace"))}


def _lower_fields(home: Path) -> set[str]:
    pattern = re.compile(r"^\s+([a-z0-9_]*(?:url|dsn|uri|conn|connection))\s*:", re.MULTILINE)
    return {
        name
        for file in _sources(home)[:_MOST_FILES]
        for name in pattern.findall(file.read_text(encoding="utf-8", errors="replace"))
    }


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """Run env.py and tell what it configured."""
    home = Path(request["home"])
    os.chdir(home)
    sys.path[0] = str(home)
    names = setting_names(home)
    for name in names:
        os.environ[name] = _CANARY + name
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    files = {key: request[key] for key in ("file_", "toml_file") if request.get(key)}
    # an env.py inside a package may insist on a file for `fileConfig(config.config_file_name)`
    config = Config(**(files or {"file_": str(Path(__file__).with_name("stand_in.ini"))}))
    if request.get("script_location"):
        config.set_main_option("script_location", request["script_location"])
    written = config.get_main_option("sqlalchemy.url") or ""
    config.set_main_option("sqlalchemy.url", _CANARY + "option")
    script = ScriptDirectory.from_config(config)
    settings = _configured(config, script)
    settings["target_metadata"], left_out = _beside("metadata").sorted_out(settings.get("target_metadata"))
    url = str(settings.get("url") or "")
    return {
        "version_table": settings.get("version_table") or "alembic_version",
        "schema": settings.get("version_table_schema") or "",
        "tables": sorted(_tables(settings)),
        "all_tables": sorted({_qualified(table) for table in _all_tables(settings)}),
        "modules": _own_modules(home),
        "types": sorted(_types(settings)),
        "has_metadata": settings.get("target_metadata") is not None,
        "left_out": list(left_out),
        "url_from": next((name for name in ["option", *names] if url.endswith("/" + name)), ""),
        "driver": _driver(Path(script.env_py_location), written, url),
        "files": [str(revision.path) for revision in script.walk_revisions()],
    }


def _configured(config: Any, script: Any) -> dict[str, Any]:
    import alembic.context
    from alembic.runtime.environment import EnvironmentContext

    class Recorder(EnvironmentContext):
        def configure(self, *args: Any, **kwargs: Any) -> None:
            del args
            raise Described(kwargs)

    # `alembic.context` knows the methods of the classes that were registered with it, not those of their subclasses
    Recorder.create_module_class_proxy(vars(alembic.context), vars(alembic.context))
    try:
        with Recorder(config, script, fn=lambda _heads, _context: [], as_sql=True):
            script.run_env()
    except Described as described:
        return described.settings
    raise SystemExit("env.py ended without calling context.configure()")


def _beside(name: str) -> Any:
    """A module of this directory, which is not on the service's path."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"_aegisdb_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None  # noqa: S101  it stands beside this file
    assert spec.loader is not None  # noqa: S101  likewise
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _all_tables(settings: dict[str, Any]) -> list[Any]:
    given = settings.get("target_metadata")
    several = given if isinstance(given, (list, tuple)) else [given]
    return [table for metadata in several if metadata is not None for table in metadata.tables.values()]


def _tables(settings: dict[str, Any]) -> set[str]:
    """Tables that autogenerate would look at, by env.py's own filters."""
    return {_qualified(table) for table in _all_tables(settings) if _is_own(table, settings)}


def _own_modules(home: Path) -> list[str]:
    """Files of the service that env.py loaded."""
    files = {Path(file).resolve() for module in list(sys.modules.values()) if (file := _file(module))}
    return sorted(str(file) for file in files if file.is_relative_to(home.resolve()))


def _file(module: Any) -> str:
    return str(getattr(module, "__file__", "") or "")


def _qualified(table: Any) -> str:
    return f"{table.schema}.{table.name}" if table.schema else str(table.name)


def _is_own(table: Any, settings: dict[str, Any]) -> bool:
    parents = {"schema_name": table.schema, "schema_qualified_table_name": _qualified(table)}
    include_name, include_object = settings.get("include_name"), settings.get("include_object")
    if include_name and not include_name(table.name, "table", parents):
        return False
    return not include_object or bool(include_object(table, table.name, "table", False, None))  # noqa: FBT003 - Alembic's call


def _types(settings: dict[str, Any]) -> set[str]:
    own = [table for table in _all_tables(settings) if _is_own(table, settings)]
    kinds = [column.type for table in own for column in table.columns]
    return {kind.name for kind in kinds if type(kind).__name__.upper() in {"ENUM", "DOMAIN"} and kind.name}


def _driver(env_py: Path, written: str, url: str) -> str:
    for text in (url, written):
        named = re.match(r"postgres(?:ql)?\+([a-z0-9_]+):", text)
        if named:
            return named[1]
    return "asyncpg" if "async" in env_py.read_text(encoding="utf-8", errors="replace") else "psycopg"


def main() -> None:
    """Answer on the real stdout; what env.py prints goes to stderr."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(describe(json.load(sys.stdin)), answer)
    answer.close()


if __name__ == "__main__":
    main()
