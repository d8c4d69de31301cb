"""Queries of a quick reading: for rows that changed, for what they reach, and for what makes it read everything again.

A text of the fingerprint depends on the catalog rows of its own object, on the names of what these refer to (pg_depend
has the references), and on what is nobody's in particular: roles, schemas, default operator classes. Each kind is one
entry here, and a test takes them out one by one.
"""

# ruff: noqa: S608
# all SQL here is of constants
from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

_OWN = 16384
"""The lowest oid that a user's object can have."""


@dataclass(frozen=True)
class Kind:
    """Rows of a catalog that may change: their query, and how many there are."""

    rows: str
    """The query of the rows that meet the condition {new}: number, relation, class and oid of the object."""
    every: str = ""
    """What to count: each of these rows, and others that never come or go. Empty where missing rows do not matter."""


_NEW = "(SELECT * FROM {catalog} WHERE {{new}} OFFSET 0)"
"""What changed, before anything else is asked of a row: a second condition would cost as much for each row there is."""


def _kind(catalog: str, relation: str, table: str = "", identifier: str = "oid", *, every: bool = True) -> Kind:
    """Write the queries of a catalog, of whose rows those of users' objects are told."""
    new = _NEW.format(catalog=table or catalog)
    told = f"{identifier}::int8, {relation}::int8, '{catalog}'::regclass::oid, {identifier}"
    return Kind(f"SELECT {told} FROM {new} n WHERE {identifier} >= {_OWN}", (table or catalog) if every else "")


_COMMENTS = f"""
    -- in two, since there is an index by objects, and of the five thousand comments few are on a user's
    SELECT objoid::int8 << 28 | classoid::int8 << 12 | objsubid,
        CASE WHEN classoid = 'pg_class'::regclass THEN objoid ELSE 0 END::int8, classoid, objoid
    FROM pg_description WHERE objoid >= {_OWN} AND {{new}}
    UNION ALL
    SELECT objoid::int8 << 28 | classoid::int8 << 12 | objsubid, 0, classoid, objoid
    FROM pg_description WHERE objoid = ANY (ARRAY(SELECT oid FROM pg_namespace WHERE oid < {_OWN}))
        AND classoid = 'pg_namespace'::regclass AND {{new}}"""
CHANGING = MappingProxyType({
    # looked up for what changed only, where a join would be made for each row; a TOAST table depends on its own table
    "relations": Kind(f"""
        SELECT c.oid::int8, coalesce(CASE
            WHEN c.oid < {_OWN} THEN 0
            WHEN c.relkind IN ('i', 'I') THEN (SELECT indrelid FROM pg_index WHERE indexrelid = c.oid)
            WHEN c.relkind = 't' THEN (SELECT refobjid FROM pg_depend WHERE classid = 'pg_class'::regclass
                AND objid = c.oid AND refclassid = 'pg_class'::regclass AND deptype = 'i')
            END, c.oid)::int8, 'pg_class'::regclass::oid, c.oid
        FROM {_NEW.format(catalog="pg_class")} c""", "pg_class"),
    "indexes": _kind("pg_class", "indrelid", "pg_index", "indexrelid"),
    "constraints": _kind("pg_constraint", "conrelid"),
    "triggers": _kind("pg_trigger", "tgrelid"),
    "rules": _kind("pg_rewrite", "ev_class"),
    "policies": _kind("pg_policy", "polrelid"),
    "statistics objects": _kind("pg_statistic_ext", "stxrelid"),
    "sequences": _kind("pg_class", "seqrelid", "pg_sequence", "seqrelid"),
    "foreign tables": _kind("pg_class", "ftrelid", "pg_foreign_table", "ftrelid"),
    "inheritance": Kind(f"""
        SELECT h.inhrelid::int8 << 32 | h.inhparent::int8,
            coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = h.inhrelid), h.inhrelid)::int8,
            'pg_class'::regclass::oid, h.inhrelid
        FROM {_NEW.format(catalog="pg_inherits")} h""", "pg_inherits"),
    "comments": Kind(_COMMENTS, f"({_COMMENTS.format(new=True)}) q"),
    # the type of a table's rows goes with the table, and an array with what it is made of
    "types": Kind(f"""
        SELECT t.oid::int8, coalesce((
                SELECT c.oid FROM pg_class c WHERE c.relkind <> 'c' AND c.oid = coalesce(
                    (SELECT e.typrelid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid), t.typrelid)
            ), 0)::int8,
            'pg_type'::regclass::oid, t.oid
        FROM {_NEW.format(catalog="pg_type")} t WHERE t.oid >= {_OWN}""", "pg_type"),
    "values of enums": Kind(f"""
        SELECT oid::int8, 0::int8, 'pg_type'::regclass::oid, enumtypid
        FROM {_NEW.format(catalog="pg_enum")} n WHERE oid >= {_OWN}""", "pg_enum"),
    "routines": _kind("pg_proc", "0"),
    "operators": _kind("pg_operator", "0"),
    # none goes without a trace in one of the others: the row of a dropped column stays
    "columns": _kind("pg_class", "attrelid", "pg_attribute", "attrelid", every=False),
})  # fmt: skip
"""Rows written by a transaction since the last reading are those that changed."""

REACHED = MappingProxyType({
    "relations": "SELECT object FROM reached WHERE class = 'pg_class'::regclass",
    "indexes": """SELECT i.indrelid FROM reached JOIN pg_index i ON i.indexrelid = object
        WHERE class = 'pg_class'::regclass""",
    "constraints": """SELECT k.conrelid FROM reached JOIN pg_constraint k ON k.oid = object
        WHERE class = 'pg_constraint'::regclass""",
    "triggers": """SELECT g.tgrelid FROM reached JOIN pg_trigger g ON g.oid = object
        WHERE class = 'pg_trigger'::regclass""",
    # whether the triggers of a foreign key are on is told of the foreign key
    "triggers of foreign keys": """SELECT k.conrelid FROM reached JOIN pg_trigger g ON g.oid = object
        JOIN pg_constraint k ON k.oid = g.tgconstraint WHERE class = 'pg_trigger'::regclass""",
    "defaults": """SELECT a.adrelid FROM reached JOIN pg_attrdef a ON a.oid = object
        WHERE class = 'pg_attrdef'::regclass""",
    "rules and views": """SELECT w.ev_class FROM reached JOIN pg_rewrite w ON w.oid = object
        WHERE class = 'pg_rewrite'::regclass""",
    "policies": """SELECT p.polrelid FROM reached JOIN pg_policy p ON p.oid = object
        WHERE class = 'pg_policy'::regclass""",
    "statistics objects": """SELECT x.stxrelid FROM reached JOIN pg_statistic_ext x ON x.oid = object
        WHERE class = 'pg_statistic_ext'::regclass""",
    "what they changed": "SELECT unnest($3)",
})  # fmt: skip
"""Kind of object to the query of the relations whose texts name such an object."""

NAMES = f"""
SELECT c.oid::int8, quote_ident(s.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.oid >= {_OWN} AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
"""
"""The query of all relations."""

DEPENDS = MappingProxyType({
    "pg_depend": """SELECT classid, objid FROM pg_depend
        WHERE refclassid = r.class AND refobjid = r.object""",
    # there it is its relation that depends on a type; an attribute shows in constants of the type
    "composite types": """SELECT 'pg_type'::regclass::oid, c.reltype FROM pg_class c
        WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relkind = 'c'""",
})  # fmt: skip
"""Kind of dependency to the query of what depends on an object `r`."""

REACH = """
WITH RECURSIVE reached (class, object) AS (
    SELECT * FROM unnest($1, $2)
    UNION
    SELECT d.classid, d.objid FROM reached r, LATERAL ({depends}) d (classid, objid)
),
found (relation) AS ({found})
SELECT c.oid::int8, quote_ident(s.nspname) || '.' || quote_ident(c.relname)
FROM found f JOIN pg_class c ON c.oid = f.relation JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
UNION ALL
-- relations of extensions are told with what belongs to no relation
SELECT 0, class::regclass::text FROM reached
LEFT JOIN pg_depend m ON m.classid = class AND m.objid = object AND m.deptype = 'e'
LEFT JOIN pg_type t ON class = 'pg_type'::regclass AND t.oid = object
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid -- an array goes with what it is made of
LEFT JOIN pg_class c ON c.oid = CASE class
    WHEN 'pg_type'::regclass THEN t.typrelid WHEN 'pg_class'::regclass THEN object END
LEFT JOIN pg_constraint k ON class = 'pg_constraint'::regclass AND k.oid = object
WHERE m.objid IS NOT NULL OR NOT CASE class
    WHEN 'pg_class'::regclass THEN c.relkind IS DISTINCT FROM 'c'
    WHEN 'pg_type'::regclass THEN e.oid IS NOT NULL OR c.relkind <> 'c'
    WHEN 'pg_constraint'::regclass THEN coalesce(k.conrelid, 1) <> 0
    ELSE class IN ('pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass,
        'pg_statistic_ext'::regclass) END
"""
"""The query of relations with a text that names what changed, or what depends on it, however indirectly; 0 stands for
all other objects."""


def _all(catalog: str, more: str = "", number: str = "oid") -> str:
    # what initdb made by itself, as transaction 1, is as it was; a sum needs no order
    rows = f"concat_ws(' ', count(*), sum(hashint8extended({number}::int8, xmin::text::int8)))"
    return f"SELECT {rows} FROM {catalog} WHERE xmin <> '1'::xid {more}"


NAMING = (
    *("regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc"),
    *("regprocedure", "regrole", "regtype"),
)
"""Types whose values are written with the names of objects."""
_NAMING = ", ".join(f"'{one}'" for one in NAMING)
_MEMBERS = "FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'"
EVERYTHING = MappingProxyType({
    "names of roles": "SELECT string_agg(oid::text || ' ' || rolname::text, ',' ORDER BY oid) FROM pg_roles",
    "names of tablespaces": "SELECT string_agg(oid::text || ' ' || spcname::text, ',' ORDER BY oid) FROM pg_tablespace",
    "names of schemas": """SELECT string_agg(oid::text || ' ' || nspname::text, ',' ORDER BY oid) FROM pg_namespace
        WHERE left(nspname, 8) <> 'pg_temp_' AND left(nspname, 14) <> 'pg_toast_temp_'""",
    "extensions and their members": f"""
        SELECT concat_ws(' ', ({_all("pg_extension")}), count(*), sum(hashint8extended(objid::int8, classid::int8)))
        {_MEMBERS}""",
    # the name of an operator class is left out where it is the default
    "operator classes": " || ".join(
        f"coalesce(({_all(catalog)}), '')" for catalog in ("pg_opclass", "pg_opfamily", "pg_amop", "pg_amproc")
    ).join(("SELECT ", "")),
    "collations": _all("pg_collation"),
    "text search configurations": _all("pg_ts_config"),
    "text search dictionaries": _all("pg_ts_dict"),
    "foreign servers": _all("pg_foreign_server"),
    # a name that leads to another one now is written with its schema
    "system routines": _all("pg_proc", f"AND (oid < {_OWN} OR pronamespace = 'pg_catalog'::regnamespace)"),
    "operators of pg_catalog": _all("pg_operator", f"AND oid >= {_OWN} AND oprnamespace = 'pg_catalog'::regnamespace"),
    # the name of an object in the bound of a partition depends on nothing; where there may be one, any change counts
    "objects in bounds of partitions": f"""
        SELECT pg_current_snapshot()::text WHERE EXISTS (
            SELECT FROM pg_partitioned_table p JOIN pg_attribute a ON attrelid = partrelid AND attnum = ANY (partattrs)
            WHERE atttypid = ANY (ARRAY[{_NAMING}]::regtype[]))""",
})  # fmt: skip
"""Kind of object to SQL for a text that differs after any change of that kind; then everything is read."""

TO_READ = MappingProxyType({
    "other_comments": f"""
        EXISTS (SELECT FROM pg_seclabel) OR EXISTS (
            SELECT FROM pg_description WHERE objoid >= {_OWN} AND classoid <> ALL (ARRAY[
                'pg_class', 'pg_constraint', 'pg_trigger', 'pg_type', 'pg_proc', 'pg_operator', 'pg_opclass',
                'pg_opfamily', 'pg_am', 'pg_cast', 'pg_transform', 'pg_conversion', 'pg_collation', 'pg_ts_config',
                'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template', 'pg_foreign_server', 'pg_foreign_data_wrapper',
                'pg_language', 'pg_namespace', 'pg_extension', 'pg_largeobject']::regclass[]::oid[]))""",
    "database": " OR ".join(
        f"EXISTS (SELECT FROM {catalog})"
        for catalog in ("pg_event_trigger", "pg_default_acl", "pg_publication", "pg_subscription", "pg_user_mappings")
    ),
})  # fmt: skip
"""Family of texts that hang on no relation to SQL for whether some may change without any kind here that tells of it;
then the family is always read."""

OTHERS = MappingProxyType({
    "schemas": _all("pg_namespace"),
    "languages": _all("pg_language"),
    "foreign data wrappers": _all("pg_foreign_data_wrapper"),
    "casts": _all("pg_cast"),
    "access methods": _all("pg_am"),
    "transforms": _all("pg_transform"),
    "dictionaries of text search configurations": _all("pg_ts_config_map", f"AND mapcfg >= {_OWN}", "mapcfg"),
    "text search parsers": _all("pg_ts_parser"),
    "text search templates": _all("pg_ts_template"),
    "conversions": _all("pg_conversion"),
})  # fmt: skip
"""Kind of object to SQL for a text that differs after any change of that kind; then what belongs to no relation is read
again. The same happens where a row that belongs to no relation was changed, dropped or reached."""
