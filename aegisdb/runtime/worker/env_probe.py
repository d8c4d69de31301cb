"""What a service's env.py tells Alembic, found out without a database: `python env_probe.py`, JSON in and out.

A program of its own that needs only Alembic, so that it also runs in the service's environment. env.py runs up to
`context.configure()`: offline, or online where it insists, on connections that lead nowhere. Every place that it may
take its URL from holds a different canary before, so that the URL it passes on says which one it read.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTING = re.compile(r"\b[A-Z][A-Z0-9_]*(?:URL|DSN|URI|CONN|CONNECTION)\b")
_PREFIX = re.compile(r"""env_prefix["']?\s*[=:]\s*["']([A-Za-z0-9_]+)["']""")
_FIELD = re.compile(r"^\s+([a-z0-9_]*(?:url|dsn|uri|conn|connection))\s*:", re.MULTILINE)
# a client of one of these refuses a URL of PostgreSQL when it is imported
_ELSEWHERE = re.compile(
    r"REDIS|AMQP|RABBIT|BROKER|CELERY|KAFKA|NATS_|ELASTIC|SEARCH|MONGO|MEMCACHE|SENTRY|SMTP|LDAP|S3_|OTLP|HTTP|HOOK|CALLBACK"
)
_OFFLINE = re.compile(r"\boff-?line\b", re.IGNORECASE)
_CANARY = "postgresql://probe:probe@127.0.0.1:1/"
_SKIPPED = {".venv", "venv", ".git", "node_modules", "__pycache__", ".tox", "site-packages"}
_MOST_FILES = 2000


class Described(BaseException):
    """Ends env.py when it calls `context.configure()`; no `except Exception` of its own swallows it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings


def setting_names(texts: list[str]) -> list[str]:
    """Names in the service's code that look like a variable with a URL."""
    found = {name for text in texts for name in _SETTING.findall(text)}
    # a settings class spells its fields in lower case and reads the upper case variable, maybe behind a prefix
    fields = {name.upper() for text in texts for name in _FIELD.findall(text)}
    prefixes = {name.upper() for text in texts for name in _PREFIX.findall(text)}
    all_names = found | fields | {prefix + name for prefix in prefixes for name in found | fields}
    return sorted(name for name in all_names if not _ELSEWHERE.search(name))


def _texts(home: Path, script_location: str) -> list[str]:
    """Source files of the service, and of the installed package that holds its history."""
    package = find_spec(script_location.partition(":")[0].partition(".")[0]) if ":" in script_location else None
    places = [home, *map(Path, package.submodule_search_locations or ())] if package else [home]
    files = [file for place in places for file in _sources(place)[:_MOST_FILES]]
    return [file.read_text(encoding="utf-8", errors="replace") for file in dict.fromkeys(files)]


def _sources(home: Path) -> list[Path]:
    files: list[Path] = []
    for directory, folders, names in os.walk(home):
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED)
        files += [Path(directory) / name for name in sorted(names) if name.endswith(".py") or name == ".env.example"]
    return files


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """Run env.py and tell what it configured."""
    home, location = Path(request["home"]), request.get("script_location", "")
    os.chdir(home)
    sys.path[0] = str(home)
    names = setting_names(_texts(home, location))
    for name in names:
        os.environ[name] = _CANARY + name
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    for number, place in enumerate(request.get("places", ())):
        _beside("url_setting").put(place, f"{_CANARY}place-{number}")
    files = {key: request[key] for key in ("file_", "toml_file") if request.get(key)}
    # an env.py inside a package may insist on a file for `fileConfig(config.config_file_name)`
    config = Config(**(files or {"file_": str(Path(__file__).with_name("stand_in.ini"))}))
    if location:
        config.set_main_option("script_location", location)
    written = config.get_main_option("sqlalchemy.url") or ""
    config.set_main_option("sqlalchemy.url", _CANARY + "option")
    script = ScriptDirectory.from_config(config)
    folders = _beside("version_locations").Found(script)
    folders.take_packaged(location)
    settings = _configured(config, script)
    settings["target_metadata"], left_out = _beside("metadata").sorted_out(settings.get("target_metadata"))
    url = _url(settings)
    return {
        "version_table": settings.get("version_table") or "alembic_version",
        "schema": settings.get("version_table_schema") or "",
        "tables": sorted(_tables(settings)),
        "all_tables": sorted({_qualified(table) for table in _all_tables(settings)}),
        "modules": _own_modules(home),
        "types": sorted(_types(settings)),
        "has_metadata": settings.get("target_metadata") is not None,
        "left_out": list(left_out),
        **_source(url, names, request.get("places", ())),
        "driver": _driver(Path(script.env_py_location), written, url),
        "files": [str(revision.path) for revision in script.walk_revisions()],
        "folders": folders.keys(home, location),
    }


def _source(url: str, names: list[str], places: list[str]) -> dict[str, Any]:
    """The place that the URL comes from, or else the places where it stands."""
    if _CANARY.partition("//")[2] not in url:  # with a driver of its own
        return {"url_from": "", "place": "", "places": _beside("url_setting").places(url) if url else []}
    told = url.rpartition("/")[2]
    place = next((place for number, place in enumerate(places) if told == f"place-{number}"), "")
    known = ["option", "connection", *names]
    return {"url_from": next((name for name in known if told == name), ""), "place": place, "places": []}


def _url(settings: dict[str, Any]) -> str:
    url: Any = settings.get("url") or getattr(getattr(settings.get("connection"), "engine", None), "url", "")
    return str(url.render_as_string(hide_password=False) if hasattr(url, "render_as_string") else url)


def _configured(config: Any, script: Any) -> dict[str, Any]:
    import alembic.context
    from alembic.runtime.environment import EnvironmentContext

    order = EnvironmentContext.configure.__code__.co_varnames[1:]

    class Recorder(EnvironmentContext):
        def configure(self, *args: Any, **kwargs: Any) -> None:
            raise Described({**{order[place]: value for place, value in enumerate(args)}, **kwargs})

    # `alembic.context` knows the methods of the classes that were registered with it, not those of their subclasses
    Recorder.create_module_class_proxy(vars(alembic.context), vars(alembic.context))
    nowhere = _beside("nowhere")
    nowhere.take()

    def told(*, insisting: bool, as_sql: bool) -> dict[str, Any]:
        nowhere.take_drivers()  # those that the try before this one has imported
        config.attributes = nowhere.Attributes(_CANARY + "connection", insisting=insisting)
        try:
            with Recorder(config, script, fn=lambda _heads, _context: [], as_sql=as_sql):
                script.run_env()
        except Described as described:
            return described.settings
        raise SystemExit("env.py ended without calling context.configure()")

    return _first_that_tells(told)


def _first_that_tells(told: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """As `alembic upgrade --sql`, then with a connection that env.py may insist on, then as `alembic upgrade`.

    Alembic's older templates give their metadata only in the last.
    """
    first: BaseException | None = None
    without: dict[str, Any] | None = None
    for insisting, as_sql in ((False, True), (True, True), (True, False)):
        if without is not None and as_sql:
            continue
        try:
            settings = told(insisting=insisting, as_sql=as_sql)
        except (Exception, SystemExit) as error:  # noqa: BLE001  env.py may raise anything
            # an env.py without offline mode says only that; why it does not run online is what counts
            first = error if first is None or _OFFLINE.search(str(first)) else first
        else:
            if settings.get("target_metadata") is not None:
                return settings
            without = without or settings
    if without is None:
        raise first or SystemExit
    return without


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
    # hundreds of modules are in a few dozen directories, each of which is followed through its links once
    real = functools.cache(os.path.realpath)
    start = os.path.join(real(str(home)), "")  # noqa: PTH118  pathlib takes longer than all the rest of this program
    found = set()
    for module in list(sys.modules.values()):
        if file := _file(module):
            folder, name = os.path.split(file)
            place = os.path.join(real(folder), name)  # noqa: PTH118  likewise
            if (place := real(place) if os.path.islink(place) else place).startswith(start):  # noqa: PTH114  likewise
                found.add(place)
    return sorted(found)


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
    if "async" in env_py.read_text(encoding="utf-8", errors="replace"):
        return "asyncpg"
    # SQLAlchemy knows psycopg since 2.0
    known = find_spec("psycopg") and find_spec("sqlalchemy.dialects.postgresql.psycopg")
    return "psycopg2" if find_spec("psycopg2") and not known else "psycopg"


def main() -> None:
    """Answer on the real stdout, or in the file that is asked for; what env.py prints goes to stderr."""
    request = json.load(sys.stdin)
    wanted = request.get("answer")
    with os.fdopen(os.open(wanted, os.O_WRONLY | os.O_CREAT, 0o600) if wanted else os.dup(1), "w") as answer:
        os.dup2(2, 1)
        json.dump(describe(request), answer)
    if wanted:  # the fork of a process that has everything loaded: taking all of that down takes as long as the answer
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
