"""What the database has under the names of models' tables: a view, a partition, a type; `create_all` makes tables.

SQLAlchemy's `checkfirst` takes a view of that name for the table, and Alembic, which lists tables alone, for a missing
one: each would say something untrue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

_Named = tuple[str, str]
"""Schema and name."""
_TABLE = "table"
_PARTITION = "partition of "
_DROPPED = {"view": "VIEW", "materialized view": "MATERIALIZED VIEW", "foreign table": "FOREIGN TABLE"}
"""Kinds that go before the models are built, with the word for DROP."""
_KINDS = """
SELECT CAST(n.nspname AS text), CAST(c.relname AS text), CASE
    WHEN c.relispartition AND c.relkind IN ('r', 'p')
    THEN pg_catalog.concat('partition of ', pn.nspname, '.', p.relname)
    ELSE CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
        WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index'
        ELSE 'table' END END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) i.inhparent
LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid OPERATOR(pg_catalog.=) p.relnamespace
WHERE c.relname IN ({names})
UNION ALL
SELECT CAST(n.nspname AS text), CAST(t.typname AS text),
    CASE t.typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range type' ELSE 'type' END
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.typname IN ({names}) AND t.typrelid OPERATOR(pg_catalog.=) 0 AND t.typelem OPERATOR(pg_catalog.=) 0
"""


def is_declared_view(table: Any) -> bool:
    """Whether the model says so by `info={"is_view": True}`, as Alembic's cookbook has it: others make it."""
    return bool(table.info.get("is_view"))


def creates_view(table: Any) -> bool:
    """Whether `create_all` makes a view of it (SQLAlchemy 2.1's CreateView)."""
    return bool(getattr(table, "is_view", False))


class OtherKinds:
    """The models whose names something else than a table has; `places` are where all tables of the models belong.

    `before` is what a build that began with other tables to drop knew: what goes with them is not found any more.
    """

    def __init__(
        self,
        connection: Any,
        owns: Callable[[str, str | None], bool],
        places: Mapping[Any, _Named],
        wanted: Collection[Any],
        before: Sequence[Sequence[str]] | None,
    ) -> None:
        self._connection = connection
        self._owns = owns
        self._places = places
        self._wanted = wanted
        self._views = [table for table in places if is_declared_view(table)]
        self.views = sorted(places[table] for table in self._views)
        """Schema and name of what the models call views."""
        self.before = [*map(tuple, before)] if before is not None else [*self._look()]
        """Schema, name and kind of what has the name of a table and is none, or that of a view."""
        self._kinds = {(schema, name): kind for schema, name, kind in self.before}

    def _look(self) -> Iterator[tuple[str, str, str]]:
        for place, kind in self._kinds_of([*self._places.values()]).items():
            if kind != _TABLE or place in self.views:
                yield (*place, kind)

    def _kinds_of(self, places: Collection[_Named]) -> dict[_Named, str]:
        if not places:
            return {}
        names = ", ".join(statements.literal(name) for name in sorted({name for _, name in places}))
        found = statements.rows(self._connection, _KINDS.format(names=names))
        return {(schema, name): kind for schema, name, kind in found if (schema, name) in places}

    def to_drop(self) -> dict[str, list[_Named]]:
        """What the models may make anew, by its word for DROP: a view of CreateView, a partition that is attached."""
        found: dict[str, list[_Named]] = {}
        for table in self._wanted:
            place = self._places[table]
            if word := _dropped_as(self._kinds.get(place, _TABLE)):
                found.setdefault(word, []).append(place)
        return found

    def is_made(self, table: Any) -> bool:
        """Whether `create_all` is to make it: not what others make, nor where the server has no room for the name."""
        if table in self._views:
            return False
        kind = self._kinds.get(self._places[table], _TABLE)
        return kind == _TABLE or (table in self._wanted and bool(_dropped_as(kind)))

    def mapped_otherwise(self) -> Iterator[tuple[str, str, str]]:
        """Schema, name and kind of what the histories have under a model's name and the models did not make so."""
        places = [self._places[table] for table in self._wanted if self._places[table] in self._kinds]
        after = self._kinds_of(places)
        for place in places:
            kind = self._kinds[place]
            if after.get(place) != kind or not _dropped_as(kind):
                yield (*place, kind)
        for view in self._views:
            kind = self._kinds.get(self._places[view], "")
            if kind and kind not in _DROPPED and self._owns(view.name, view.schema):
                yield (*self._places[view], kind)


def _dropped_as(kind: str) -> str:
    return "TABLE" if kind.startswith(_PARTITION) else _DROPPED.get(kind, "")
