"""Views, functions, triggers and policies of a database, with the statements that make and drop each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_QUERY = """
WITH spaces AS (
    SELECT oid, pg_catalog.quote_ident(nspname) AS name FROM pg_namespace
     WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'aegisdb', 'ag_catalog')
), relations AS (
    SELECT c.*, s.name || '.' || pg_catalog.quote_ident(c.relname) AS id
      FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
), found AS (
    SELECT 'view ' || r.id AS key, 'VIEW ' || r.id AS named, 'pg_class'::regclass::oid AS class, r.oid,
        ARRAY['CREATE OR REPLACE VIEW ' || r.id
            || coalesce(' WITH (' || array_to_string(r.reloptions, ', ') || ')', '')
            || ' AS' || chr(10) || pg_catalog.rtrim(pg_get_viewdef(r.oid), ';')] AS made
      FROM relations r WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'materialized view ' || r.id, 'MATERIALIZED VIEW ' || r.id, 'pg_class'::regclass, r.oid,
        ARRAY['CREATE MATERIALIZED VIEW ' || r.id || ' AS' || chr(10) || pg_catalog.rtrim(pg_get_viewdef(r.oid), ';')]
            OPERATOR(pg_catalog.||)
            ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = r.oid ORDER BY 1)
      FROM relations r WHERE r.relkind = 'm'
    UNION ALL
    SELECT k.word || ' ' || s.name || '.' || pg_catalog.quote_ident(p.proname) || k.arguments,
        pg_catalog.upper(k.word) || ' ' || s.name || '.' || pg_catalog.quote_ident(p.proname) || k.arguments,
        'pg_proc'::regclass, p.oid, ARRAY[pg_catalog.rtrim(pg_get_functiondef(p.oid), chr(10))]
      FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace,
        LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS word,
                        '(' || pg_get_function_identity_arguments(p.oid) || ')' AS arguments) k
     WHERE p.prokind IN ('f', 'p', 'w')
    UNION ALL
    SELECT 'trigger ' || r.id || '.' || pg_catalog.quote_ident(g.tgname),
        'TRIGGER ' || pg_catalog.quote_ident(g.tgname) || ' ON ' || r.id,
        'pg_trigger'::regclass, g.oid,
        ARRAY[regexp_replace(pg_get_triggerdef(g.oid), '^CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER')]
      FROM pg_trigger g JOIN relations r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgparentid = 0
    UNION ALL
    SELECT 'policy ' || r.id || '.' || pg_catalog.quote_ident(p.polname),
        'POLICY ' || pg_catalog.quote_ident(p.polname) || ' ON ' || r.id,
        'pg_policy'::regclass, p.oid,
        ARRAY['CREATE POLICY ' || pg_catalog.quote_ident(p.polname) || ' ON ' || r.id
            || CASE WHEN p.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
            || ' FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
            || ' TO ' || (SELECT pg_catalog.string_agg(CASE o WHEN 0 THEN 'PUBLIC'
                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o)) END, ', ')
                FROM unnest(p.polroles) o)
            || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
            || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')]
      FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
)
SELECT f.key, f.named, f.class::bigint, f.oid::bigint,
    to_json(f.made OPERATOR(pg_catalog.||) CASE WHEN d.description IS NULL THEN ARRAY[]::text[]
        ELSE ARRAY['COMMENT ON ' || f.named || ' IS ' || quote_literal(d.description)] END)
  FROM found f
  LEFT JOIN pg_description d ON d.classoid = f.class AND d.objoid = f.oid AND d.objsubid = 0
 WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = f.class AND e.objid = f.oid AND e.deptype = 'e')
 ORDER BY f.oid
"""
_RESTING = """
WITH RECURSIVE resting(class, oid) AS (
    SELECT %s::oid, %s::oid
    UNION
    SELECT CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END, coalesce(w.ev_class, d.objid)
      FROM resting r
      JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.oid AND d.deptype IN ('n', 'a')
      LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
)
SELECT class::bigint, oid::bigint FROM resting
"""


@dataclass(frozen=True)
class DatabaseObject:
    """An object of the catalog; its key is that of a fingerprint."""

    key: str
    named: str
    """The object's name as COMMENT and DROP spell it."""
    place: tuple[int, int]
    """Catalog and oid."""
    statements: tuple[str, ...]
    """What makes it, as the server writes it."""

    @property
    def drop(self) -> str:
        """The statement that drops it, and nothing that rests on it."""
        kind, _, name = self.named.partition(" VIEW " if self.named.startswith("M") else " ")
        kind += " VIEW" if self.named.startswith("M") else ""
        return f"DROP {kind} IF EXISTS {name}"


def read_objects(conn: Connection) -> dict[str, DatabaseObject]:
    """Read the objects that belong to no extension, by key, the oldest first."""
    return {
        key: DatabaseObject(key, named, (catalog, oid), tuple(made))
        for key, named, catalog, oid, made in conn.rows(_QUERY)
    }


def resting_on(conn: Connection, one: DatabaseObject, among: dict[str, DatabaseObject]) -> list[DatabaseObject]:
    """The object and those of `among` that cannot be without it, the newest first."""
    places = {(row[0], row[1]) for row in conn.rows(_RESTING, one.place)}
    return [other for other in reversed(among.values()) if other.place in places]
