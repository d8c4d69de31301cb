"""Results of a session's steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from aegisdb.revisions.parse import Revision

Direction = Literal["upgrade", "downgrade"]
Steps = Sequence[Mapping[str, str | None]]
"""Steps beside autogenerate's: `{"sql": text}`, or the schema, table, column and new name (`to`) of a rename."""


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """A revision that was applied or reverted, committed and recorded."""

    service: str
    revision: str
    message: str
    direction: Direction
    seconds: float
    ended_transaction: bool = False
    """Whether it said COMMIT or ROLLBACK by itself."""
    observed: Mapping[str, Any] | None = None
    """What it did, as the worker tells it; only where a session observes."""


def step_done(service: str, revision: Revision, direction: Direction, answer: Mapping[str, Any]) -> StepDone:
    """The worker's answer about one revision."""
    return StepDone(
        service=service,
        revision=revision.id,
        message=revision.message,
        direction=direction,
        seconds=answer["seconds"],
        ended_transaction=bool(answer.get("ended")),
        observed=answer.get("observed"),
    )


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The proposal of autogenerate."""

    operations: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    """Operations that lose data."""
    types: frozenset[str] = frozenset()
    """Names of types that its CREATE TABLE makes."""
    touched: frozenset[tuple[str, str]] = frozenset()
    """Schema and name of what extensions of Alembic look after."""
    compared: int = 0
    """Own tables that were compared."""


def draft(answer: Mapping[str, Any]) -> Draft:
    """The worker's answer."""
    return Draft(
        operations=tuple(answer["operations"]),
        drops=tuple(answer["drops"]),
        types=frozenset(answer["types"]),
        touched=frozenset((schema, name) for schema, name in answer["touched"]),
        compared=answer["compared"],
    )


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The modules that a worker had imported when it answered."""

    files: tuple[str, ...]
    """Files of no installed package."""
    places: tuple[str, ...]
    """Directories where packages are installed."""

    def and_of(self, other: Loaded | None) -> Loaded:
        """Join it with what another process of the service had imported."""
        if other is None:
            return self
        files, places = {*self.files, *other.files}, {*self.places, *other.places}
        return Loaded(files=tuple(sorted(files)), places=tuple(sorted(places)))


def files_loaded(answer: Mapping[str, Any]) -> Loaded:
    """The worker's answer."""
    return Loaded(files=tuple(answer["files"]), places=tuple(answer["places"]))


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """What plugins of autogenerate, which are not Alembic's own, say of the database before the models were built."""

    modules: tuple[str, ...] = ()
    """Modules of their comparators; empty where there is no plugin."""
    operations: tuple[tuple[str, frozenset[tuple[str, str]], bool], ...] = ()
    """What they would write, in words, with schema and name of what that touches, and whether it is a drop."""
    failed: str = ""
    """Why they could not be asked."""


@dataclass(frozen=True)
class ModelsBuilt:
    """What a service's models declare, beside the objects that they made in a database; names are "schema.name"."""

    tables: tuple[str, ...]
    """Tables that were looked at: the service owns them, and env.py keeps none of them from Alembic."""
    hidden: tuple[str, ...]
    """Other tables of the metadata."""
    types: frozenset[str]
    """Enum types and domains that the metadata has, whoever owns them."""
    named: frozenset[tuple[str, str, str]]
    """Schema, table and name of constraints and indexes that have a name of their own."""
    left: frozenset[tuple[str, str, str]]
    """Schema, table and column whose value the models leave to the database (`FetchedValue`)."""
    left_out: frozenset[str]
    """Columns, indexes and constraints that env.py keeps from Alembic, as a fingerprint calls them, without quotes."""
    failed: Mapping[str, str]
    """Tables that could not be built, and why; "" where types could not."""
    classes: Mapping[str, tuple[str, str]]
    """The class of a table, and its module's file."""
    views: frozenset[str]
    """Tables of the metadata that `info` calls views: revisions make them, and create_all does not."""
    others: Mapping[str, str]
    """What the histories have under the name of a model and the models did not make so: "view", "partition of ..."."""
    loaded: Loaded
    plugins: Plugins
    found: Sequence[Sequence[str]] = ()
    """Rows of the statements that were to be run among them."""


def models_built(answer: Mapping[str, Any]) -> ModelsBuilt:
    """The worker's answer."""
    return ModelsBuilt(
        tables=tuple(map(".".join, answer["tables"])),
        hidden=tuple(map(".".join, answer["hidden"])),
        types=frozenset(map(".".join, answer["types"])),
        named=frozenset((schema, table, name) for schema, table, name in answer["named"]),
        left=frozenset((schema, table, column) for schema, table, column in answer["left"]),
        left_out=frozenset(_key(*part) for part in answer["left_out"]),
        failed={one["table"]: one["message"] for one in answer["failed"]},
        classes={table: (name, file) for table, (name, file) in answer["classes"].items()},
        views=frozenset(map(".".join, answer["views"])),
        others={f"{schema}.{name}": kind for schema, name, kind in answer["others"]},
        loaded=files_loaded(answer["loaded"]),
        plugins=_plugins(answer["plugins"]),
        found=answer.get("found", ()),
    )


def _plugins(answer: Mapping[str, Any]) -> Plugins:
    operations = tuple(
        (one["words"], frozenset((schema, name) for schema, name in one["names"]), bool(one["drop"]))
        for one in answer["operations"]
    )
    return Plugins(modules=tuple(answer["modules"]), operations=operations, failed=answer["failed"])


def _key(kind: str, schema: str, table: str, name: str) -> str:
    return f"{kind} {schema}.{name}" if kind == "index" else f"{kind} {schema}.{table}.{name}"
