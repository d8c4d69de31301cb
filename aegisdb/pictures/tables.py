"""What a diagram shows: tables with their keys, graph labels, and who owns them; read in three queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.postgres.graphs import graph_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.ownership import Owners
    from aegisdb.postgres.connection import Connection

_TABLES = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, obj_description(c.oid, 'pg_class')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'ag_catalog', 'aegisdb')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"""
_COLUMNS = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname, format_type(a.atttypid, a.atttypmod),
           a.attnotnull,
           EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)),
           EXISTS (SELECT FROM pg_constraint k
                    WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'ag_catalog', 'aegisdb') ORDER BY c.oid, a.attnum"""
_KEYS = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I.%I', m.nspname, d.relname),
           k.conname,
           (SELECT array_agg(a.attname ORDER BY p) FROM unnest(k.conkey) WITH ORDINALITY AS u (num, p)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num)
      FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_class d ON d.oid = k.confrelid JOIN pg_namespace m ON m.oid = d.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, 3"""
_LABELS = """
    SELECT g.name, l.name, l.kind::text FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph g ON g.graphid = l.graph
     WHERE l.name NOT IN ('_ag_label_vertex', '_ag_label_edge') ORDER BY 1, 3 DESC, 2"""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    not_null: bool
    primary: bool
    foreign: bool


@dataclass(frozen=True)
class Table:
    """A table, or a label of a graph (then without columns)."""

    key: str
    """schema.name, quoted where needed; the diagram's edges use it."""
    title: str
    owner: str
    """A service, "base", or "" for nobody."""
    columns: tuple[Column, ...] = ()
    note: str = ""
    """The table's comment; vertex or edge for a label."""
    graph: str = ""
    """The graph that it is a label of."""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key."""

    source: str
    target: str
    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """The contents of a diagram."""

    tables: tuple[Table, ...]
    keys: tuple[ForeignKey, ...]


def read_schema(conn: Connection, owners: Owners) -> Schema:
    """Tables without version tables, side schema and extensions; labels in place of a graph's own tables."""
    columns: dict[str, list[Column]] = {}
    for table, *facts in conn.rows(_COLUMNS):
        columns.setdefault(table, []).append(Column(*facts))
    graphs = graph_names(conn)
    tables = (*_tables(conn, owners, columns, graphs), *_labels(conn, owners, graphs))
    shown = {table.key for table in tables}
    keys = [ForeignKey(source, target, name, tuple(names)) for source, target, name, names in conn.rows(_KEYS)]
    return Schema(tables, tuple(key for key in keys if {key.source, key.target} <= shown))


def _tables(
    conn: Connection, owners: Owners, columns: dict[str, list[Column]], graphs: tuple[str, ...]
) -> Iterator[Table]:
    for key, schema, name, comment in conn.rows(_TABLES):
        if schema in graphs or key in owners.version_tables:
            continue
        title = name if schema == "public" else f"{schema}.{name}"
        yield Table(key, title, owners.owner_of(f"table {key}", key), tuple(columns.get(key, ())), comment or "")


def _labels(conn: Connection, owners: Owners, graphs: tuple[str, ...]) -> Iterator[Table]:
    if not graphs:
        return
    for graph, label, kind in conn.rows(_LABELS):
        key = str(conn.value("SELECT pg_catalog.format('%%I.%%I', %s::text, %s::text)", (graph, label)))
        note = "vertex" if kind == "v" else "edge"
        yield Table(key, label, owners.owner_of(f"label {key}"), note=note, graph=graph)
