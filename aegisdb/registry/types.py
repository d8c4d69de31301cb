"""The registry as the engine sees it: plain frozen dataclasses, free of heavy imports.

`aegisdb.registry.load` fills them (pydantic validates these very classes and derives the JSON schema from them,
attribute docstrings being the descriptions). Values that may hold `${VAR}` are already interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from aegisdb.errors import BadInput, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.file_cache import STATE
from aegisdb.registry.choice import STRICT, Choice, did_you_mean, text_or_list
from aegisdb.registry.fleets import Fleet
from aegisdb.registry.kinds import SEEDS, TARGETS, Seed, Target
from aegisdb.registry.protection import as_protected

if TYPE_CHECKING:
    from aegisdb.registry.owners import Owners

__all__ = [
    "ENV_TARGET",
    "AlembicSettings",
    "Base",
    "Database",
    "Registry",
    "RegistryFile",
    "Service",
    "SnapshotLimits",
    "Unset",
]

ENV_TARGET = "env"
"""Name of the target that DATABASE_URL makes."""


AnyTarget = Annotated[
    Target, Choice(TARGETS.pick, TARGETS.variants, lambda: TARGETS.message("a target has"), TARGETS.hint)
]
AnySeed = Annotated[Seed, Choice(SEEDS.pick, SEEDS.variants, lambda: SEEDS.message("a seed has one of"), SEEDS.hint)]


def _none(name: str) -> str | None:
    del name
    return None


@dataclass(frozen=True, kw_only=True)
class Database:
    """The database and its base schema."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

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
    unrestricted: tuple[str, ...] = ()
    """Files of `init` that may use every psql command (such as `\\connect`); the others are run restricted."""
    deploy: str | None = None
    """Directory of standalone idempotent SQL files, run in name order."""


@dataclass(frozen=True, kw_only=True)
class AlembicSettings:
    """The place of a service's Alembic history, and how it gets its URL."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    version_table: str
    """Version table, unique in the database."""
    config: str | None = "alembic.ini"
    """The ini file, relative to the service; null for none (then `script_location` is needed)."""
    driver: str = "psycopg"
    """SQLAlchemy driver of the URL that env.py gets: psycopg, asyncpg, psycopg2."""
    url_env: str | None = None
    """Environment variable from which the service's env.py reads its URL."""
    url_setting: str | None = None
    """`package.module:settings.NAME`: the object of its application from which its env.py takes its URL."""
    script_location: str | None = None
    """`package:dir` for a history inside an installed package, or a directory."""
    version_locations: tuple[str, ...] = ()
    """Folders of its revisions, written as `script_location` is, where the ini file does not name them."""
    recursive_version_locations: bool = False
    """Whether revisions stand in folders of those folders too, where the ini file does not say so."""
    x: dict[str, str] = field(default_factory=dict)
    """What env.py gets from `context.get_x_argument()`, as from `alembic -x NAME=VALUE`."""


Base = Annotated[str | tuple[str, ...], text_or_list("base is a SQL file, a list of SQL files, or `module:function`")]


@dataclass(frozen=True, kw_only=True)
class Service:
    """The owner of some tables and of one Alembic history."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    path: str
    """Directory of the service, relative to the registry."""
    alembic: AlembicSettings | None = None
    """Its history; a service without one only seeds."""
    runner: tuple[str, ...] | None = None
    """How to reach its own environment: null (this one), `[poetry, run]`, `[uv, run]`, `[.venv/bin/python]`."""
    owns: tuple[str, ...] = ()
    """Names and shell patterns of the tables (and other objects) that it owns."""
    after: tuple[str, ...] = ()
    """Services that migrate before it; foreign keys add to it."""
    seeds: tuple[AnySeed, ...] = ()
    """Seeds in order."""
    schema: str | None = None
    """Its own schema: search_path and version table live there."""
    base: Base | None = None
    """What the history starts on: SQL files relative to the registry, or `module:function` given the URL."""
    stamp: str | None = None
    """Revision that `base` corresponds to, where it is newer than the first one."""
    objects: str | None = None
    """Folder of SQL files, relative to the service, with its views, functions, triggers and policies."""
    one_way: bool = False
    """No downgrades here by policy: none is proven, run or asked for; a snapshot is the way back."""


@dataclass(frozen=True, kw_only=True)
class SnapshotLimits:
    """How much room the snapshots of a database may take; `db.snapshot` refuses more."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    keep: int = 10
    """Snapshots at most, `before-reset` and `before-restore` not counted."""
    max_bytes: int = 20_000_000_000
    """Bytes that all of them may take together, those two included."""


@dataclass(frozen=True, kw_only=True)
class RegistryFile:
    """services.yaml: targets, base schema, services, owners, seeds and order."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    version: Literal[1]
    """Version of this format."""
    project: str
    """Name of the project."""
    targets: dict[str, AnyTarget]
    """Databases to work on, by name."""
    database: Database
    """What the database is called, who owns it, and what a new one gets."""
    default_target: str | None = None
    """The target when nothing else says; the first one otherwise."""
    services: dict[str, Service] = field(default_factory=dict)
    """Services by name."""
    snapshots: SnapshotLimits = field(default_factory=SnapshotLimits)
    """How much room snapshots may take."""
    fleets: dict[str, Fleet] = field(default_factory=dict)
    """Databases with the same histories, by the fleet's name."""


@dataclass(frozen=True)
class Unset:
    """A `${VAR}` without default whose variable is not set."""

    key: tuple[str | int, ...]
    """The value that it stands in, e.g. `("targets", "staging", "url")`."""
    variable: str
    where: str
    """file:line:column."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A loaded registry: the file's content and where it stands."""

    path: Path
    """services.yaml itself, absolute."""
    file: RegistryFile
    default_target: str = ""
    """The target when `--target` does not say: AEGIS_TARGET, else `env` when DATABASE_URL is set, else the file's."""
    default_source: str = "default_target"
    """What decided the default: AEGIS_TARGET, DATABASE_URL or default_target."""
    unset: tuple[Unset, ...] = ()
    """Variables that only some targets, fleets and seeds need; `require` turns one into an error."""
    variable: Callable[[str], str | None] = field(default=_none, compare=False, repr=False)
    """The value of a variable of the environment or of `.env`; None where it is not set."""

    @cached_property
    def root(self) -> Path:
        """The directory that all paths are relative to."""
        return self.path.parent

    @property
    def state(self) -> Path:
        """The git-ignored directory of local state, `.aegisdb/`."""
        return self.root / STATE

    @property
    def services(self) -> dict[str, Service]:
        """Services by name, in the file's order."""
        return self.file.services

    @cached_property
    def owners(self) -> Owners:
        """The owners of names."""
        from aegisdb.registry.owners import Owners

        return Owners(self.services)

    def without(self, names: Iterable[str]) -> Registry:
        """Return the same file without these services, also where others come `after` them."""
        gone = frozenset(names)
        if not gone:
            return self
        services = {
            name: replace(service, after=tuple(other for other in service.after if other not in gone))
            for name, service in self.services.items()
            if name not in gone
        }
        return replace(self, file=replace(self.file, services=services))

    def require(self, *key: str | int) -> None:
        """Refuse when a value at or below `key` of services.yaml needs a variable that is not set.

        Raises:
            BadInput: names the variable and where it is used.
        """
        for unset in self.unset:
            if unset.key[: len(key)] == key:
                raise BadInput(
                    f"the variable {unset.variable} is not set",
                    where=unset.where,
                    hint=f"export {unset.variable}=..., or write it into .env beside {self.path.name}",
                    code="unset_variable",
                )

    def target(self, name: str) -> Target:
        """The target `name`, with every value that it needs, protected where one with its database is.

        Raises:
            UsageError: no such target.
            BadInput: a variable that this target needs is not set, or its URL cannot be read.
            Refused: its URL names a service.
        """
        if name not in self.file.targets:
            raise _unknown("target", name, self.file.targets)
        self.require("targets", name)
        self.file.targets[name].require(self, name)
        return as_protected(self.file.targets, name)

    def fleet(self, name: str) -> Fleet:
        """The fleet `name`.

        Raises:
            UsageError: no such fleet.
            BadInput: a variable that it needs is not set.
        """
        if name not in self.file.fleets:
            raise _unknown("fleet", name, self.file.fleets)
        self.require("fleets", name)
        return self.file.fleets[name]

    def service(self, name: str) -> Service:
        """The service `name`.

        Raises:
            UsageError: no such service.
        """
        if name not in self.services:
            raise _unknown("service", name, self.services)
        return self.services[name]


def _unknown(kind: str, name: str, known: Mapping[str, object]) -> UsageError:
    guess = did_you_mean(name, known)
    return UsageError(
        f"no {kind} is called {name!r}",
        hint=f"{guess}{kind}s: {', '.join(known)}" if known else f"services.yaml has no {kind}s yet",
        code=f"unknown_{kind}",
    )
