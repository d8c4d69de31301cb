"""Columns, indexes and constraints that env.py's `include_object` and `include_name` keep from Alembic.

Alembic asks these hooks for parts of tables, too. A part that it would not look at is no difference.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, MetaData, UniqueConstraint

from . import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_Named = tuple[str, str]
"""Schema and name."""
_Parts = dict[tuple[str, str], Any]
"""Parts of one table, by Alembic's word for their kind and their name."""
_KINDS = {"column": "column", "index": "index"}
"""How a fingerprint calls these; all others are constraints."""
_CONSTRAINTS = {
    ForeignKeyConstraint: "foreign_key_constraint",
    UniqueConstraint: "unique_constraint",
    CheckConstraint: "check_constraint",  # from Alembic 1.20, for a plugin that env.py asks for
}
_NAMES = """
SELECT n.nspname::text, c.relname::text, part.kind, part.name::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, LATERAL (
    SELECT 'column', attname FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'index', x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = x.oid AND contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT CASE contype WHEN 'f' THEN 'foreign_key_constraint' WHEN 'u' THEN 'unique_constraint'
        ELSE 'check_constraint' END, conname
    FROM pg_catalog.pg_constraint WHERE conrelid = c.oid AND contype IN ('f', 'u', 'c')
) part (kind, name)
WHERE c.oid = ANY (ARRAY[{tables}]::regclass[])
"""
"""What has a name, of what SQLAlchemy finds of tables."""


class FilteredParts:
    """The parts of own tables that the hooks are asked about; `wanted` are the models' tables."""

    def __init__(
        self,
        connection: Any,
        wanted: Mapping[Any, _Named],
        own_name: Callable[..., bool],
        own_object: Callable[..., bool] | None,
    ) -> None:
        """Nothing is reflected without `own_object`: nobody asks for more than names."""
        self._connection = connection
        self._wanted = {place: table for table, place in wanted.items()}
        self._own_name = own_name
        self._own_object = own_object

    def left_out(self, there: Collection[_Named], given: Callable[[str], str | None]) -> Iterator[tuple[str, ...]]:
        """A fingerprint's kind, schema, table and name of each part that a hook refuses.

        `there` are the tables of the database, of which Alembic calls a schema as `given` says.
        """
        reflected = self._named(there) if self._own_object is None else self._reflected(there, given)
        for place in sorted({*reflected, *self._wanted}):
            parents = {"table_name": place[1], "schema_name": given(place[0])}
            parents["schema_qualified_table_name"] = ".".join(filter(None, (given(place[0]), place[1])))
            found, said = reflected.get(place, {}), _parts(self._wanted.get(place))
            for kind, name in sorted({*found, *said}):
                if not self._looks_at(kind, name, found.get((kind, name)), said.get((kind, name)), parents):
                    yield (_KINDS.get(kind, "constraint"), *place, name)

    def _looks_at(self, kind: str, name: str, found: Any, said: Any, parents: Mapping[str, Any]) -> bool:
        if found is not None and not self._own_name(name, kind, dict(parents)):
            return False
        if self._own_object is None:
            return True
        item = found if said is None else said
        return bool(self._own_object(item, name, kind, said is None, None if said is None else found))

    def _named(self, places: Collection[_Named]) -> dict[_Named, _Parts]:
        """The parts that there are, each without an object."""
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        names = (f"{quote(schema)}.{quote(name)}".replace("'", "''") for schema, name in places)
        found: dict[_Named, _Parts] = defaultdict(dict)
        if tables := ", ".join(f"'{name}'" for name in names):
            for schema, table, kind, name in statements.rows(self._connection, _NAMES.format(tables=tables)):
                found[schema, table][kind, name] = True
        return found

    def _reflected(self, places: Collection[_Named], given: Callable[[str], str | None]) -> dict[_Named, _Parts]:
        names: dict[str, list[str]] = defaultdict(list)
        for schema, name in places:
            names[schema].append(name)
        found: dict[_Named, _Parts] = {}
        for schema, of_schema in names.items():
            metadata = MetaData()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # types and expressions that SQLAlchemy does not know
                metadata.reflect(self._connection, schema=given(schema), only=of_schema, resolve_fks=False)
            found |= {(schema, str(table.name)): _parts(table) for table in metadata.tables.values()}
        return found


def _parts(table: Any) -> _Parts:
    """Find the parts that have a name, by the words of the filters of Alembic."""
    if table is None:
        return {}
    found: _Parts = {("column", str(column.name)): column for column in table.columns}
    found |= {("index", str(index.name)): index for index in table.indexes if index.name}
    for constraint in table.constraints:
        if isinstance(constraint.name, str) and (kind := _kind(constraint)):
            found[kind, str(constraint.name)] = constraint
    return found


def _kind(constraint: Any) -> str:
    return next((kind for cls, kind in _CONSTRAINTS.items() if isinstance(constraint, cls)), "")
