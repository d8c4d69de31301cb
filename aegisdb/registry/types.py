"""The registry as the engine sees it: plain frozen dataclasses, free of heavy imports.

`aegisdb.registry.load` fills them (pydantic validates these very classes and derives the JSON schema from them,
attribute docstrings being the descriptions). Values that may hold `${VAR}` are already interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

_STRICT = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, kw_only=True)
class EmbeddedTarget:
    """PostgreSQL 18 with AGE and pgvector from a wheel, on 127.0.0.1, data under `.aegisdb/`."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    server: Literal["embedded"]
    """Kind of server."""
    port: int = 5432
    """Wished port; when it is taken a free one is used and remembered."""
    bindir: str | None = None
    """Directory of PostgreSQL's own programs to use instead of the wheel's."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


@dataclass(frozen=True, kw_only=True)
class ComposeTarget:
    """A PostgreSQL service of a docker compose file."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    server: Literal["compose"]
    """Kind of server."""
    file: str = "compose.yaml"
    """The compose file, relative to the registry."""
    service: str = "postgres"
    """The service of the compose file that runs PostgreSQL."""
    flush: tuple[str, ...] = ()
    """Redis services of the compose file that a reset empties."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


@dataclass(frozen=True, kw_only=True)
class UrlTarget:
    """Any PostgreSQL 14 or newer by its URL."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    url: str = field(repr=False)
    """postgresql://user:password@host:port/database, usually from `${VAR}`."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


TargetSpec = EmbeddedTarget | ComposeTarget | UrlTarget


@dataclass(frozen=True, kw_only=True)
class Database:
    """The database and its base schema."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    name: str
    """Name of the database."""
    user: str
    """Role that owns it and logs in."""
    password: str = field(default="", repr=False)
    """Password of the role, usually from `${VAR:-default}`."""
    extensions: tuple[str, ...] = ()
    """Extensions that `db.status` and `db.verify` expect."""
    graphs: tuple[str, ...] = ()
    """Apache AGE graphs that must exist."""
    init: tuple[str, ...] = ()
    """Init SQL files in order, relative to the registry."""
    deploy: str | None = None
    """Directory of standalone idempotent SQL files, run in name order."""


@dataclass(frozen=True, kw_only=True)
class AlembicSettings:
    """Where a service's Alembic history is and how it gets its URL."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    version_table: str
    """Version table, unique in the database."""
    config: str | None = "alembic.ini"
    """The ini file, relative to the service; null for none (then `script_location` is needed)."""
    driver: str = "psycopg"
    """SQLAlchemy driver of the URL that env.py gets: psycopg, asyncpg, psycopg2."""
    url_env: str | None = None
    """Environment variable from which the service's env.py reads its URL."""
    script_location: str | None = None
    """`package:dir` for a history inside an installed package, or a directory."""


@dataclass(frozen=True, kw_only=True)
class ModuleSeed:
    """A seed that runs as `python -m MODULE` in the service's environment."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    module: str
    """Dotted module name."""
    url_env: str = "DATABASE_URL"
    """Environment variable in which the seed gets its URL."""
    driver: str = ""
    """SQLAlchemy driver of that URL; empty for plain postgresql://."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    inputs: tuple[str, ...] = ()
    """Files the seed reads, relative to the service; part of its hash."""
    timeout: float = 120
    """Total deadline in seconds."""


@dataclass(frozen=True, kw_only=True)
class HttpSeed:
    """A seed that is one HTTP request."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    http: str
    """METHOD URL, e.g. `POST http://localhost:8003/seed`."""
    serve: str | None = None
    """Command that serves it, started only if nothing listens there and stopped afterwards."""
    ready: str | None = None
    """URL that answers 200 when the service is ready."""
    url_env: str = "DATABASE_URL"
    """Environment variable in which the served command gets its URL."""
    driver: str = ""
    """SQLAlchemy driver of that URL; empty for plain postgresql://."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    inputs: tuple[str, ...] = ()
    """Files the seed reads, relative to the service; part of its hash."""
    timeout: float = 120
    """Total deadline in seconds, start of the service included."""


@dataclass(frozen=True, kw_only=True)
class SqlSeed:
    """A seed that is a SQL file run through psql."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    sql: str
    """The file, relative to the service (or to the registry where the service has no path)."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    timeout: float = 120
    """Total deadline in seconds."""


Seed = ModuleSeed | HttpSeed | SqlSeed


@dataclass(frozen=True, kw_only=True)
class Service:
    """The owner of some tables and of one Alembic history."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    path: str
    """Directory of the service, relative to the registry."""
    alembic: AlembicSettings | None = None
    """Its history; a service without one only seeds."""
    runner: tuple[str, ...] | None = None
    """How to reach its own environment: null (this one), `[poetry, run]`, `[uv, run]`."""
    owns: tuple[str, ...] = ()
    """Names and shell patterns of the tables (and other objects) that it owns."""
    after: tuple[str, ...] = ()
    """Services that migrate before it; foreign keys add to it."""
    seeds: tuple[Seed, ...] = ()
    """Seeds in order."""
    schema: str | None = None
    """Its own schema: search_path and version table live there."""
    base: str | tuple[str, ...] | None = None
    """What the history starts on: SQL files, or `module:function` given the URL."""
    stamp: str | None = None
    """Revision that `base` corresponds to, where it is newer than the first one."""


@dataclass(frozen=True, kw_only=True)
class RegistryFile:
    """services.yaml: targets, base schema, services, owners, seeds and order."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    version: Literal[1]
    """Version of this format."""
    project: str
    """Name of the project."""
    targets: dict[str, TargetSpec]
    """Databases to work on, by name."""
    database: Database
    """The database and its base schema."""
    default_target: str | None = None
    """The target when nothing else says; the first one otherwise."""
    services: dict[str, Service] = field(default_factory=dict)
    """Services by name."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A loaded registry: the file's content and where it stands."""

    path: Path
    """services.yaml itself, absolute."""
    file: RegistryFile

    @property
    def root(self) -> Path:
        """The directory that all paths are relative to."""
        return self.path.parent

    @property
    def state(self) -> Path:
        """The git-ignored directory of local state, `.aegisdb/`."""
        return self.root / ".aegisdb"

    @property
    def services(self) -> dict[str, Service]:
        """Services by name, in the file's order."""
        return self.file.services
