"""What is in a finished database: for the table that a reset ends with, and to refuse what is not complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import Failed
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.graphs import graph_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

# an index leads to what belongs to extensions; the other way round, each table is looked for in all of pg_depend
_TABLES = """
    WITH part AS (SELECT objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
                     AND classid = 'pg_class'::regclass)
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'ag_catalog', 'aegisdb')
       AND c.oid NOT IN (TABLE part) ORDER BY 1, 2"""


@dataclass(frozen=True, kw_only=True)
class Content:
    """The contents of a database, as far as a reset promises them."""

    extensions: dict[str, str]
    """Installed version by name."""
    graphs: tuple[str, ...]
    tables: tuple[tuple[str, str], ...]
    """Schema and name, without the side schema, version tables and the graphs' own tables."""
    revisions: dict[str, tuple[str, ...]]
    """Applied revisions by service."""
    seeds: dict[str, dict[str, int]]
    """Rows that each seed filled, by seed."""


def inspect(conn: Connection, histories: Mapping[str, History]) -> Content:
    """Read the content of a database; a few catalog queries."""
    graphs = graph_names(conn)
    versions = {(h.schema or "public", h.version_table) for h in histories.values()}
    tables = [(schema, table) for schema, table in conn.rows(_TABLES) if schema not in graphs]
    return Content(
        extensions=dict(
            conn.rows("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")
        ),
        graphs=graphs,
        tables=tuple(table for table in tables if table not in versions),
        revisions=read_versions(conn, histories.values()),
        seeds=_seeds(conn),
    )


def require_complete(content: Content, registry: Registry, histories: Mapping[str, History], *, seeded: bool) -> None:
    """Refuse a database that lacks what the registry promises.

    Raises:
        Failed: everything that is missing, in one message.
    """
    if missing := _missing(content, registry, histories, seeded=seeded):
        raise Failed(f"the new database is not complete: {'; '.join(missing)}", code="incomplete")


def is_complete(content: Content, registry: Registry, histories: Mapping[str, History], *, seeded: bool) -> bool:
    """Whether `require_complete` lets a database pass."""
    return not _missing(content, registry, histories, seeded=seeded)


def _missing(content: Content, registry: Registry, histories: Mapping[str, History], *, seeded: bool) -> list[str]:
    database = registry.file.database
    missing = [f"extension {name}" for name in database.extensions if name not in content.extensions]
    missing += [f"graph {name}" for name in database.graphs if name not in content.graphs]
    missing += [
        f"{name} at {', '.join(content.revisions[name]) or 'nothing'} instead of {', '.join(history.heads)}"
        for name, history in histories.items()
        if not history.is_at_head(content.revisions[name])
    ]
    if seeded and any(service.seeds for service in registry.services.values()) and not content.seeds:
        missing.append("seeds")
    return missing


def _seeds(conn: Connection) -> dict[str, dict[str, int]]:
    if conn.value("SELECT to_regclass('aegisdb.seed_ledger')") is None:
        return {}
    rows = conn.rows("SELECT service, seed, rows FROM aegisdb.seed_ledger ORDER BY finished, service, seed")
    return {f"{service}: {seed}": filled or {} for service, seed, filled in rows}
