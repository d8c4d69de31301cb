"""Which applied revisions of other services rest on tables that are about to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.applied.data_loss import Dropped
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

_DEPENDENTS = """
WITH gone (relation, attribute) AS (
    SELECT to_regclass(t.name)::oid,
           CASE WHEN t.col = '' THEN NULL
                ELSE (SELECT attnum FROM pg_attribute WHERE attrelid = to_regclass(t.name) AND attname = t.col) END
    FROM unnest(%s::text[], %s::text[]) AS t (name, col) WHERE to_regclass(t.name) IS NOT NULL
)
SELECT DISTINCT n.nspname, r.relname, 'foreign key ' || c.conname::text, g.relation::regclass::text
FROM gone g JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = g.relation
     AND (g.attribute IS NULL OR g.attribute = ANY (c.confkey))
JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
UNION
SELECT DISTINCT n.nspname, r.relname, 'view', g.relation::regclass::text
FROM gone g JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = g.relation
     AND (g.attribute IS NULL OR d.refobjsubid = g.attribute) AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class r ON r.oid = w.ev_class AND r.oid <> g.relation
JOIN pg_namespace n ON n.oid = r.relnamespace
ORDER BY 1, 2, 3
"""


def refuse_dependents(
    conn: Connection,
    registry: Registry,
    service: str,
    dropped: Iterable[Dropped],
    histories: Mapping[str, tuple[History, tuple[str, ...]]],
) -> None:
    """Refuse to take away what another service's applied revision rests on.

    Args:
        conn: on the database.
        registry: tells owners.
        service: whose revisions are to be reverted.
        dropped: what their downgrades drop.
        histories: of all services, with what is applied.

    Raises:
        Refused: `dependents`; names table, owner and the command that must come first.
    """
    listed = tuple(dropped)
    tables = [item.table for item in listed]
    columns = [item.column.strip('"') for item in listed]
    found = []
    for schema, relation, how, gone in conn.rows(_DEPENDENTS, (tables, columns)):
        owner = registry.owners.of_table(f"{schema}.{relation}")
        if owner not in ("", service):
            found.append((owner, f"{owner}'s {relation} rests on {gone} ({how})"))
    if not found:
        return
    first = found[0][0]
    raise Refused(
        f"{service} cannot be rolled back: {'; '.join(text for _, text in found)}; nothing was touched",
        hint=f"roll back first: {_command(first, listed, histories)}",
        code="dependents",
    )


def _command(owner: str, dropped: tuple[Dropped, ...], histories: Mapping[str, tuple[History, tuple[str, ...]]]) -> str:
    command = f"invoke migrate.rollback --service {owner}"
    if owner not in histories:
        return command
    history, applied = histories[owner]
    names = {item.table.replace('"', "").rpartition(".")[2] for item in dropped}
    done = history.ancestors(applied)
    for revision in history.ordered():
        if revision.id in done and names & {table.rpartition(".")[2] for table in revision.references}:
            return f"{command} --to {revision.down[0] if revision.down else 'base'}"
    return command
