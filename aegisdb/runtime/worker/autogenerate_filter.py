"""What autogenerate may look at: objects that the service owns, and nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Message

_FOREIGN_SCHEMAS = ("aegisdb", "ag_catalog", "information_schema", "pg_catalog")


class Filter:
    """Both hooks of Alembic, on top of env.py's own: `include_name` for the database, `include_object` for the models.

    `include_name` alone would still propose tables of the metadata that belong to others (stubs for foreign keys);
    `include_object` alone would reflect every table of the database first.
    """

    def __init__(self, opening: Message, metadata: Any) -> None:
        self._patterns = opening["owns"]
        self._schema = opening["schema"]
        self._version_tables = frozenset(opening["version_tables"])
        collection = metadata if isinstance(metadata, (list, tuple)) else [metadata]
        tables = [table for one in collection if one is not None for table in one.tables.values()]
        self._declared = {table.name for table in tables}
        self._schemas = {table.schema for table in tables} | {None, self._schema}
        self.compared = 0
        """How many own tables were looked at."""

    def owns(self, table: str, schema: str | None) -> bool:
        """Whether the service owns this table."""
        if table in self._version_tables:
            return False
        if self._schema and schema in (None, self._schema):
            return True
        if not self._patterns:
            return table in self._declared
        qualified = f"{schema}.{table}" if schema else table
        return any(fnmatchcase(table, pattern) or fnmatchcase(qualified, pattern) for pattern in self._patterns)

    def name_hook(self, own: Callable[..., bool] | None) -> Callable[..., bool]:
        """`include_name` for Alembic; `own` is the one that env.py set."""

        def include_name(name: str | None, type_: str, parent_names: Any) -> bool:
            if type_ == "schema" and (name in _FOREIGN_SCHEMAS or name not in self._schemas):
                return False
            if type_ == "table" and not self.owns(name or "", parent_names.get("schema_name")):
                return False
            return own is None or bool(own(name, type_, parent_names))

        return include_name

    def object_hook(self, own: Callable[..., bool] | None) -> Callable[..., bool]:
        """`include_object` for Alembic; `own` is the one that env.py set."""

        def include_object(item: Any, name: str | None, type_: str, reflected: bool, other: Any) -> bool:  # noqa: FBT001  Alembic's signature
            if type_ == "table":
                if not self.owns(name or "", item.schema):
                    return False
                self.compared += 1
            return own is None or bool(own(item, name, type_, reflected, other))

        return include_object
