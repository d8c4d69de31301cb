"""Builds what a service's models say in a database that has every history at head: own tables go, `create_all` comes.

What others made, and what models have no word for (functions, extensions, schemas), stays from the histories, so that
a default may call a function that a revision made.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Enum, FetchedValue, Table
from sqlalchemy.exc import IdentifierError
from sqlalchemy.sql.elements import conv
from sqlalchemy.types import SchemaType

from .error_report import describe
from .model_names import kept_name, place_of, translations
from .other_kinds import OtherKinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .autogenerate_filter import Filter
    from .channel import Message

_Named = tuple[str, str]
"""Schema and name."""
_AT_ONCE = 100
"""Tables that one transaction drops: each, its indexes and its types are locked to its end, and PostgreSQL's defaults
have room for 6,400 locks."""


class ModelBuild:
    """One build, on the connection that env.py opened; `request` says what the service owns at head."""

    def __init__(self, connection: Any, filter_: Filter, request: Message) -> None:
        self._connection = connection
        self._reading = bool(request["reading"])
        self._filter = filter_
        self._owned = {kind: {tuple(name) for name in names} for kind, names in request["owned"].items()}
        self._quote = connection.dialect.identifier_preparer.quote_identifier
        self._all = [table for metadata in filter_.collection for table in metadata.tables.values()]
        self._wanted = [table for table in self._all if filter_.wants(table)]
        places = {table: self._place(table) for table in self._all}
        known = request.get("before") or {"kinds": None}
        self._other_kinds = OtherKinds(connection, filter_.owns, places, {*self._wanted}, known["kinds"])
        self._to_drop = [*request["drop"]] if "drop" in request else [*self._tables_to_drop()]
        self._left_out = known.get("left_out") or filter_.left_out(
            connection, {table: places[table] for table in self._wanted}, self._to_drop
        )

    def run(self) -> Message:
        """Build; answer with what the models declare, what they leave open, and what could not be built.

        Of many tables only the first go, where that may be committed: "to_drop" names the others; nothing was built.
        """
        at_once = self._to_drop if self._reading else self._to_drop[:_AT_ONCE]
        self._drop("TABLE", at_once)
        if others := self._to_drop[len(at_once) :]:
            return {"to_drop": others, "before": {"kinds": self._other_kinds.before, "left_out": self._left_out}}
        for word, places in self._other_kinds.to_drop().items():
            self._drop(word, places)
        self._drop("TYPE", [*self._declared(self._types(), "types")])
        self._drop("SEQUENCE", [*self._declared(self._sequences(), "sequences")])
        failed = [*self._create(), *self._there_twice()]
        return {
            "tables": sorted(map(self._place, self._wanted)),
            "hidden": sorted(map(self._place, {*self._all} - {*self._wanted})),
            "types": sorted({*map(self._place, chain(self._types_of(self._all), self._types_alone))}),
            "named": [*self._explicit_names()],
            "left": [*self._left_to_the_database()],
            "left_out": self._left_out,
            "failed": failed,
            "views": self._other_kinds.views,
            "others": sorted(self._other_kinds.mapped_otherwise()),
            "classes": dict(self._classes()),
        }

    def _drop(self, kind: str, names: list[_Named]) -> None:
        if names:
            listed = ", ".join(f"{self._quote(schema)}.{self._quote(name)}" for schema, name in names)
            self._connection.exec_driver_sql(f"DROP {kind} IF EXISTS {listed} CASCADE".replace("%", "%%"))

    def _place(self, item: Any) -> _Named:
        return place_of(item, self._connection)

    def _tables_to_drop(self) -> Iterator[_Named]:
        """Own tables at head, but for those that env.py keeps from Alembic."""
        known = {self._place(table): table for table in self._all}
        wanted = set(self._wanted)
        for place in sorted(self._owned["tables"]):
            if place in known:
                if known[place] in wanted:
                    yield place
            elif self._filter.looks_at(place[0], place[1], self._connection, translations(self._connection)):
                yield place

    def _declared(self, items: Iterable[Any], kind: str) -> Iterator[_Named]:
        return (place for place in dict.fromkeys(map(self._place, items)) if place in self._owned[kind])

    def _types(self) -> Iterator[Any]:
        """Types with a name that PostgreSQL has objects for: of the wanted tables, and those in no column."""
        yield from self._types_of(self._wanted)
        yield from self._types_alone

    def _types_of(self, tables: Iterable[Any]) -> Iterator[Any]:
        for table in tables:
            for column in table.columns:
                yield from named_types(column.type, self._connection.dialect)

    @cached_property
    def _types_alone(self) -> list[Any]:
        """Types that a metadata has by itself: `Enum(..., metadata=...)` that no column is of."""
        of_columns = {*map(self._place, self._types_of(self._all))}
        found: list[Any] = []
        for metadata in self._filter.collection:
            for listener in metadata.dispatch.before_create:
                inner = getattr(listener, "func", listener)
                # a bound method, or what SQLAlchemy 2.0 has in its place
                kind = getattr(inner, "__self__", None) or getattr(inner, "target", None)
                if isinstance(kind, SchemaType):
                    found += named_types(kind, self._connection.dialect)
        return [kind for kind in found if self._place(kind) not in of_columns]

    def _sequences(self) -> Iterator[Any]:
        for metadata in self._filter.collection:
            yield from metadata._sequences.values()  # noqa: SLF001  there is no public name for them

    def _create(self) -> list[Message]:
        """Create all at once, and one by one where that fails, to know which."""
        try:
            with self._connection.begin_nested():
                for metadata in self._filter.collection:
                    self._create_types()
                    made = [table for table in metadata.tables.values() if self._other_kinds.is_made(table)]
                    metadata.create_all(self._connection, tables=made, checkfirst=True)
        except Exception:  # noqa: BLE001  types and events of a service may raise anything
            return [*self._create_each()]
        return []

    def _there_twice(self) -> Iterator[Message]:
        """Tables of which only the first was made: Alembic refuses to compare them."""
        for place, count in Counter(map(self._place, self._wanted)).items():
            if count > 1:
                message = "two of the MetaData that env.py gives have it, which Alembic refuses"
                yield {"table": ".".join(place), "message": message}

    def _create_types(self) -> None:
        # `create_type=False` leaves it to the history; which values it has the models say all the same
        for kind in self._types():
            if self._place(kind) in self._owned["types"]:
                kind.create(self._connection, checkfirst=True)

    def _create_each(self) -> Iterator[Message]:
        try:
            with self._connection.begin_nested():
                self._create_types()
        except Exception as error:  # noqa: BLE001  see above
            yield {"table": "", **_why(error)}
        wanted = set(self._wanted)
        failed: dict[Any, Exception] = {}
        for metadata in self._filter.collection:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tables that need each other in turn have no order
                ordered = metadata.sorted_tables
            for table in filter(self._other_kinds.is_made, ordered):
                why = self._failure_of(metadata, table)
                if why is not None:
                    # tables that refer to this one do not need its indexes
                    failed |= self._without_indexes(metadata, table) or {table: why}
        yield from (
            {"table": ".".join(self._place(table)), **_why(why)} for table, why in failed.items() if table in wanted
        )

    def _failure_of(self, metadata: Any, table: Any) -> Exception | None:
        """Create a table, with those that it needs: tables that need each other in turn can only be made together."""
        try:
            with self._connection.begin_nested():
                made = [*filter(self._other_kinds.is_made, _needed(table))]
                metadata.create_all(self._connection, tables=made, checkfirst=True)
        except Exception as error:  # noqa: BLE001  see above
            return error
        return None

    def _without_indexes(self, metadata: Any, table: Any) -> dict[Any, Exception]:
        """Create a table and those that it needs, then their indexes that can be; the errors of those that cannot."""
        indexes = {each: each.indexes for each in _needed(table)}
        for each in indexes:
            each.indexes = set()
        try:
            if self._failure_of(metadata, table) is not None:
                return {}
        finally:
            for each, own in indexes.items():
                each.indexes = own
        failed = {}
        for each in indexes:
            for index in sorted(each.indexes, key=lambda one: str(one.name)):
                try:
                    with self._connection.begin_nested():
                        index.create(self._connection, checkfirst=True)
                except Exception as error:  # noqa: BLE001  see above
                    failed[each] = error
        return failed

    def _explicit_names(self) -> Iterator[tuple[str, str, str]]:
        """Schema, table and name of what the models call by a name of their own; all else the server names."""
        preparer = self._connection.dialect.identifier_preparer
        for table in self._wanted:
            for item in chain(table.constraints, table.indexes):
                if _has_own_name(item, table):
                    name = getattr(preparer, "format_index" if item in table.indexes else "format_constraint")
                    with suppress(IdentifierError):  # too long a name: the table is told as one that cannot be built
                        yield (*self._place(table), kept_name(str(name(item) or item.name).replace('"', "")))
        for kind in self._types():
            if name := getattr(kind, "constraint_name", None):  # of a domain
                yield (*self._place(kind), str(name))

    def _left_to_the_database(self) -> Iterator[tuple[str, str, str]]:
        """Schema, table and name of columns of which the models say only that the server gives them a value."""
        for table in self._wanted:
            for column in table.columns:
                # what has DDL is a subclass (a default, Computed, Identity)
                if type(column.server_default) is FetchedValue:
                    yield (*self._place(table), kept_name(column.name))

    def _classes(self) -> Iterator[tuple[str, list[str]]]:
        """The class of each table, and the file that defines it."""
        for mapper in mappers():
            if isinstance(mapper.local_table, Table):
                module = sys.modules.get(mapper.class_.__module__)
                place = ".".join(self._place(mapper.local_table))
                yield place, [mapper.class_.__name__, str(getattr(module, "__file__", "") or "")]


def _needed(table: Any) -> Iterable[Any]:
    """The table and all that it refers to, directly or not."""
    found, todo = {table: None}, [table]
    while todo:
        others = [key.referred_table for key in todo.pop().foreign_key_constraints]
        todo += [other for other in others if other not in found]
        found |= dict.fromkeys(others)
    return found


def mappers() -> list[Any]:
    """Every mapper that was made by now."""
    mapping = sys.modules.get("sqlalchemy.orm.mapper")
    if mapping is None:
        return []  # tables without classes
    registries = mapping._all_registries()  # noqa: SLF001  there is no public name for them
    return [mapper for registry in registries for mapper in registry.mappers]


def named_types(kind: Any, dialect: Any) -> Iterator[Any]:
    """Types within a column's type that PostgreSQL has an object for."""
    if isinstance(kind, ARRAY):
        yield from named_types(kind.item_type, dialect)
        return
    native = kind.dialect_impl(dialect)
    native = getattr(native, "impl_instance", native)
    if native is not kind and isinstance(native, ARRAY):
        yield from named_types(native, dialect)
    elif getattr(native, "create", None) and getattr(native, "name", None):
        if isinstance(native, Enum) and not native.native_enum:
            return
        yield native


def _has_own_name(item: Any, table: Any) -> bool:
    if not isinstance(item.name, str):
        return False
    if not isinstance(item.name, conv):
        return True
    # a convention that holds the name that was given
    kind = {"check_constraint": "ck"}.get(item.__visit_name__, "")
    return "constraint_name" in str(table.metadata.naming_convention.get(kind, ""))


def _why(error: Exception) -> Message:
    return {"message": describe(error, kind="environment")["message"]}
