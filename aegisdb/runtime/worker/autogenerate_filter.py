"""What autogenerate may look at: objects that the service owns, and nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import statements
from .filtered_parts import FilteredParts
from .other_kinds import creates_view, is_declared_view

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from .channel import Message

_DEFAULT_SCHEMA = "public"
_PARTITIONS = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relispartition AND c.relkind IN ('r', 'p')
"""
_FOREIGN_SCHEMAS = ("aegisdb", "ag_catalog", "information_schema", "pg_catalog")


def _anything(*_asked: Any) -> bool:
    return True


class Filter:
    """Alembic's two hooks, on top of env.py's own: `include_name` for the database, `include_object` for the models.

    `include_name` alone would still propose tables of the metadata that belong to others (stubs for foreign keys);
    `include_object` alone would reflect every table of the database first.
    """

    def __init__(self, opening: Message, metadata: Any) -> None:
        self._patterns = opening["owns"]
        self._schema = opening["schema"]
        self._version_tables = frozenset(opening["version_tables"])
        several = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        self.collection = [one for one in several if one is not None]
        """Each metadata that env.py gives to Alembic."""
        self._own_name: Callable[..., bool] | None = None
        self._own_object: Callable[..., bool] | None = None
        self._default = _DEFAULT_SCHEMA
        self._partitions: frozenset[tuple[str, str]] = frozenset()
        self.compared = 0
        """How many own tables were looked at."""

    @property
    def _tables(self) -> list[Any]:
        # not kept: modules that are imported later, as revisions are, may define more
        return [table for one in self.collection for table in one.tables.values()]

    @property
    def _schemas(self) -> set[str | None]:
        return {table.schema for table in self._tables} | {None, self._schema}

    @cached_property
    def _is_named(self) -> bool:
        """Whether the models name the service's schema, as those must that plain Alembic is to find in it."""
        return any(one.schema == self._schema for one in self._tables) and all(one.schema for one in self._tables)

    @contextmanager
    def by_name(self, connection: Any) -> Iterator[None]:
        """Let Alembic compare without the search path of the service, until the savepoint ends, where models name all.

        Its schema is the default one otherwise, of which Alembic speaks as None: to filters of env.py that ask for the
        name, and in the revision, which plain Alembic would run in `public`.
        """
        dialect, default = connection.dialect, connection.dialect.default_schema_name
        if self._is_named:
            connection.exec_driver_sql(f"SET LOCAL search_path TO {_DEFAULT_SCHEMA}")
            dialect.default_schema_name = self._default = _DEFAULT_SCHEMA
        try:
            yield
        finally:
            dialect.default_schema_name = default

    def owns(self, table: str, schema: str | None) -> bool:
        """Whether the service owns this table."""
        if table in self._version_tables:
            return False
        if self._schema and (schema == self._schema or (schema is None and not self._is_named)):
            return True
        if not self._patterns:
            return any(table == one.name for one in self._tables if schema == one.schema or not self._is_named)
        qualified = f"{schema or _DEFAULT_SCHEMA}.{table}"
        return any(fnmatchcase(table, pattern) or fnmatchcase(qualified, pattern) for pattern in self._patterns)

    def look_at(self, connection: Any) -> None:
        """Learn which tables of the database are partitions: they follow their parent, and no model is missing."""
        rows = statements.rows(connection, _PARTITIONS)
        self._partitions = frozenset((schema, name) for schema, name in rows)
        self._default = connection.dialect.default_schema_name or _DEFAULT_SCHEMA

    def wants(self, table: Any) -> bool:
        """Whether autogenerate would look at this table of the models."""
        if is_declared_view(table) or not self.owns(table.name, table.schema):
            return False
        return self._own_object is None or bool(self._own_object(table, table.name, "table", False, None))  # noqa: FBT003  Alembic's call

    def looks_at(self, schema: str, name: str, connection: Any, translated: Mapping[Any, Any]) -> bool:
        """Whether autogenerate would look at a table of the database that no model has."""
        default = connection.dialect.default_schema_name
        if schema not in {translated.get(one, one) or default for one in self._schemas}:
            return False
        given = self._given(schema, connection)
        if not self.owns(name, given):
            return False
        parents = {"schema_name": given, "schema_qualified_table_name": f"{given}.{name}" if given else name}
        if self._own_name is not None and not self._own_name(name, "table", parents):
            return False
        if self._own_object is None:
            return True
        from sqlalchemy import MetaData, Table

        table = Table(name, MetaData(), schema=given, autoload_with=connection)
        return bool(self._own_object(table, name, "table", True, None))  # noqa: FBT003  Alembic's call

    def _given(self, schema: str, connection: Any) -> str | None:
        """The schema as Alembic calls it: None is the default one."""
        return None if schema == connection.dialect.default_schema_name and not self._is_named else schema

    def left_out(
        self, connection: Any, wanted: Mapping[Any, tuple[str, str]], there: Collection[tuple[str, str]]
    ) -> list[tuple[str, ...]]:
        """Parts that env.py keeps from Alembic: of models that are `wanted`, and of tables that are `there`."""
        if self._own_name is None and self._own_object is None:
            return []
        parts = FilteredParts(connection, wanted, self._own_name or _anything, self._own_object)
        return [*parts.left_out(there, lambda name: self._given(name, connection))]

    def name_hook(self, own: Callable[..., bool] | None) -> Callable[..., bool]:
        """`include_name` for Alembic; `own` is the one that env.py set."""
        self._own_name = own

        def include_name(name: str | None, type_: str, parent_names: Any) -> bool:
            if type_ == "schema" and (name in _FOREIGN_SCHEMAS or name not in self._schemas):
                return False
            if type_ == "table" and not self.owns(name or "", parent_names.get("schema_name")):
                return False
            if type_ == "table" and (parent_names.get("schema_name") or self._default, name) in self._partitions:
                return False
            return own is None or bool(own(name, type_, parent_names))

        return include_name

    def object_hook(self, own: Callable[..., bool] | None) -> Callable[..., bool]:
        """`include_object` for Alembic; `own` is the one that env.py set."""
        self._own_object = own

        def include_object(item: Any, name: str | None, type_: str, reflected: bool, other: Any) -> bool:  # noqa: FBT001  Alembic's signature
            if type_ == "table" and (is_declared_view(item) or not self.owns(name or "", item.schema)):
                return False
            looked_at = own is None or bool(own(item, name, type_, reflected, other))
            if type_ == "table" and looked_at:
                self.compared += 1
                return not creates_view(item)  # Alembic knows tables alone; the engine compares a view
            return looked_at

        return include_object
