"""Each kind of dependency is needed: without it, a quick reading misses a change that the full one sees."""

# ruff: noqa: S608
# all SQL here is ours
from __future__ import annotations

from dataclasses import dataclass

import pytest

from aegisdb.fingerprint import dependencies, read
from aegisdb.fingerprint.following import Follower
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.fingerprint.test_following import wrong

_F = "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1;"
_T = "CREATE TABLE t (id int PRIMARY KEY, a int, b text);"
_RENAME_T = "ALTER TABLE t RENAME TO u"
_RENAME_F = "ALTER FUNCTION f(int) RENAME TO ff"
_ENUM = "CREATE TYPE mood AS ENUM ('fine'); CREATE TABLE t (m mood DEFAULT 'fine');"
_TRIGGER = (
    f"{_T} CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
    " CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();"
)
_SERVER = (
    "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE t (a int) SERVER s;"
)
_ROLE = "DROP ROLE IF EXISTS followed, followed_on; CREATE ROLE followed;"
_EQUAL = (
    "CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE RETURN $1 = $2;"
    " CREATE OPERATOR === (leftarg = int, rightarg = int, function = same); CREATE SCHEMA elsewhere;"
)
_CLASS = (
    "CREATE FUNCTION cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 - $2;"
    " CREATE OPERATOR CLASS oc FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,"
    " OPERATOR 5 >, FUNCTION 1 cmp(int, int);"
)
_PARSER = (
    "CREATE TEXT SEARCH PARSER p"
    " (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)"
)
_PUBLICATION = "CREATE PUBLICATION p;"
_EVENT = (
    "CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
    " CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION told()"
)
_NO_DEFAULTS = "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC"
_MEMBERS = "CREATE TABLE member (a int); ALTER EXTENSION plpgsql ADD TABLE member;"


@dataclass(frozen=True)
class Mutant:
    """A kind, and a change that it alone tells of."""

    kind: str
    setup: str
    change: str


CHANGING = (
    Mutant("relations", _T, "ALTER TABLE t ENABLE ROW LEVEL SECURITY"),
    Mutant("relations", "", "GRANT SELECT ON pg_statistic TO PUBLIC"),
    Mutant("indexes", f"{_T} CREATE INDEX i ON t (a)", "ALTER TABLE t CLUSTER ON i"),
    Mutant(
        "constraints", f"{_T} ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", "ALTER TABLE t RENAME CONSTRAINT k TO l"
    ),
    Mutant("triggers", _TRIGGER, "ALTER TABLE t DISABLE TRIGGER g"),
    Mutant("rules", f"{_T} CREATE RULE r AS ON DELETE TO t DO NOTHING", "ALTER TABLE t DISABLE RULE r"),
    Mutant("policies", f"{_T} CREATE POLICY p ON t USING (a > 0)", "ALTER POLICY p ON t USING (a > 1)"),
    Mutant("statistics objects", f"{_T} CREATE STATISTICS x ON a, b FROM t", "ALTER STATISTICS x SET STATISTICS 9"),
    Mutant("sequences", f"{_T} CREATE SEQUENCE q OWNED BY t.a", "ALTER SEQUENCE q OWNED BY NONE"),
    Mutant("foreign tables", _SERVER, "ALTER FOREIGN TABLE t OPTIONS (ADD x 'y')"),
    Mutant("inheritance", "CREATE TABLE p (); CREATE TABLE t (a int) INHERITS (p)", "ALTER TABLE t NO INHERIT p"),
    Mutant("comments", _T, "COMMENT ON TABLE t IS 'x'"),
    Mutant("types", _ENUM, "ALTER TYPE mood RENAME TO temper"),
    # of the category of arrays, but nobody's array
    Mutant("types", "CREATE DOMAIN d AS int[]", "ALTER DOMAIN d SET DEFAULT '{}'"),
    Mutant("values of enums", _ENUM, "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'"),
    Mutant("routines", f"{_F} CREATE TABLE t (a int DEFAULT f(1))", _RENAME_F),
    Mutant(
        "operators",
        f"{_EQUAL} CREATE TABLE t (a int CHECK (a === 1))",
        "ALTER OPERATOR === (int, int) SET SCHEMA elsewhere",
    ),
    Mutant("columns", _T, "ALTER TABLE t ALTER a SET STATISTICS 9"),
)
REACHED = (
    Mutant(
        "relations", "CREATE TYPE mood AS ENUM ('fine'); CREATE TABLE t (m mood)", "ALTER TYPE mood RENAME TO temper"
    ),
    Mutant("indexes", f"{_F} {_T} CREATE INDEX i ON t (f(a))", _RENAME_F),
    Mutant("constraints", f"{_F} CREATE TABLE t (a int, CHECK (f(a) > 0))", _RENAME_F),
    Mutant("triggers", _TRIGGER, "ALTER FUNCTION touch() RENAME TO touched"),
    Mutant(
        "triggers of foreign keys", f"{_T} CREATE TABLE u (a int REFERENCES t)", "ALTER TABLE t DISABLE TRIGGER ALL"
    ),
    Mutant("defaults", f"{_F} CREATE TABLE t (a int DEFAULT f(1))", _RENAME_F),
    Mutant("rules and views", f"{_T} CREATE VIEW v AS SELECT a FROM t", "ALTER TABLE t RENAME a TO aa"),
    Mutant("policies", f"{_F} {_T} CREATE POLICY p ON t USING (f(a) > 0)", _RENAME_F),
    Mutant("statistics objects", f"{_F} {_T} CREATE STATISTICS x ON (f(a)), b FROM t", _RENAME_F),
    Mutant("what they changed", f"{_T} CREATE INDEX i ON t (a)", "DROP INDEX i"),
)
EVERYTHING = (
    Mutant(
        "names of roles", f"{_ROLE} {_T} ALTER TABLE t OWNER TO followed", "ALTER ROLE followed RENAME TO followed_on"
    ),
    Mutant(
        "names of tablespaces",
        "SET allow_in_place_tablespaces = on\nCREATE TABLESPACE followed LOCATION ''\n"
        "CREATE TABLE t (a int) TABLESPACE followed",
        "ALTER TABLESPACE followed RENAME TO followed_on",
    ),
    Mutant("names of schemas", "CREATE SCHEMA s; CREATE TABLE s.t (a int)", "ALTER SCHEMA s RENAME TO ss"),
    Mutant("extensions and their members", _T, "ALTER EXTENSION plpgsql ADD TABLE t"),
    Mutant(
        "operator classes",
        f"{_CLASS} {_T} CREATE INDEX i ON t (a oc)",
        "ALTER OPERATOR CLASS oc USING btree RENAME TO od",
    ),
    Mutant(
        "collations",
        'CREATE COLLATION c FROM "C"; CREATE TABLE t (a text COLLATE c)',
        "ALTER COLLATION c RENAME TO cc",
    ),
    Mutant(
        "text search configurations",
        f"CREATE TEXT SEARCH CONFIGURATION c (COPY = simple); {_T} CREATE INDEX i ON t (to_tsvector('c', b))",
        "ALTER TEXT SEARCH CONFIGURATION c RENAME TO cc",
    ),
    Mutant(
        "text search dictionaries",
        "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple); CREATE TABLE t (a text[] DEFAULT ts_lexize('d', 'x'))",
        "ALTER TEXT SEARCH DICTIONARY d RENAME TO dd",
    ),
    Mutant("foreign servers", _SERVER, "ALTER SERVER s RENAME TO ss"),
    Mutant("system routines", "", "REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC"),
    Mutant(
        "system routines",
        "CREATE TABLE t (a int[] CHECK (array_append(a, 1) <> a))",
        "CREATE FUNCTION pg_catalog.array_append(int[], int) RETURNS int[] LANGUAGE sql IMMUTABLE RETURN $1",
    ),
    Mutant(
        "operators of pg_catalog",
        "CREATE FUNCTION has(int[], int[]) RETURNS bool LANGUAGE sql IMMUTABLE RETURN true;"
        " CREATE TABLE t (a int[] CHECK (a @> a))",
        "CREATE OPERATOR pg_catalog.@> (leftarg = int[], rightarg = int[], function = has)",
    ),
    Mutant(
        "objects in bounds of partitions",
        f"{_T} CREATE TABLE p (r regclass) PARTITION BY LIST (r); CREATE TABLE q PARTITION OF p FOR VALUES IN ('t')",
        _RENAME_T,
    ),
)
DEPENDS = (
    Mutant("pg_depend", f"{_F} CREATE TABLE t (a int DEFAULT f(1))", _RENAME_F),
    Mutant(
        "composite types",
        "CREATE TYPE pair AS (a int); CREATE TYPE pairs AS (p pair); CREATE TABLE t (p pairs DEFAULT '(\"(1)\")')",
        "ALTER TYPE pair ADD ATTRIBUTE b int",
    ),
)
OTHERS = (
    Mutant("schemas", "CREATE SCHEMA s", "GRANT USAGE ON SCHEMA s TO PUBLIC"),
    Mutant("languages", "", "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"),
    Mutant("foreign data wrappers", "CREATE FOREIGN DATA WRAPPER w", "GRANT USAGE ON FOREIGN DATA WRAPPER w TO PUBLIC"),
    Mutant("casts", "", "CREATE CAST (int AS inet) WITH INOUT"),
    Mutant("access methods", "", "CREATE ACCESS METHOD m TYPE TABLE HANDLER heap_tableam_handler"),
    Mutant(
        "transforms",
        "",
        "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),"
        " TO SQL WITH FUNCTION int4recv(internal))",
    ),
    Mutant(
        "dictionaries of text search configurations",
        'CREATE TEXT SEARCH CONFIGURATION c (PARSER = "default")',
        "ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple",
    ),
    Mutant("text search parsers", _PARSER, "ALTER TEXT SEARCH PARSER p RENAME TO pp"),
    Mutant(
        "text search templates",
        "CREATE TEXT SEARCH TEMPLATE m (LEXIZE = dsimple_lexize)",
        "ALTER TEXT SEARCH TEMPLATE m RENAME TO mm",
    ),
    Mutant("conversions", "", "CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"),
)
ALL = [
    (where, mutant)
    for where, mutants in (
        ("CHANGING", CHANGING), ("REACHED", REACHED), ("EVERYTHING", EVERYTHING), ("OTHERS", OTHERS),
        ("DEPENDS", DEPENDS),
    )
    for mutant in mutants
]  # fmt: skip


def missed(address: Address, mutant: Mutant) -> tuple[list[str], int]:
    """What a quick reading after the change says otherwise than the full one, and whether it was quick."""
    with connect(address) as conn, connect(address) as reader:
        for part in mutant.setup.splitlines():
            conn.execute(part)
        follower = Follower(reader)
        follower.read()
        conn.execute(mutant.change)
        found = wrong(follower.read(), read(reader))
        for (owned,) in conn.rows("SELECT rolname FROM pg_roles WHERE rolname LIKE 'followed%'"):
            conn.execute(f"DROP OWNED BY {owned} CASCADE; DROP ROLE {owned}")
        for (space,) in conn.rows("SELECT spcname FROM pg_tablespace WHERE spcname LIKE 'followed%'"):
            conn.execute("DROP TABLE t")
            conn.execute(f"DROP TABLESPACE {space}")
        return found, follower.quick


@pytest.mark.parametrize(("where", "mutant"), ALL, ids=[f"{where}-{mutant.kind}" for where, mutant in ALL])
def test_without_this_kind_a_change_is_missed(
    database: Address, monkeypatch: pytest.MonkeyPatch, where: str, mutant: Mutant
) -> None:
    kinds = getattr(dependencies, where)
    monkeypatch.setattr(dependencies, where, {kind: text for kind, text in kinds.items() if kind != mutant.kind})
    found, quick = missed(database, mutant)
    assert (found != [], quick) == (True, 1)


@pytest.mark.parametrize(("where", "mutant"), ALL, ids=[f"{where}-{mutant.kind}" for where, mutant in ALL])
def test_with_all_kinds_it_is_seen(database: Address, where: str, mutant: Mutant) -> None:
    found, quick = missed(database, mutant)
    assert (found, quick) == ([], int(where != "EVERYTHING"))


def test_each_kind_has_a_mutant() -> None:
    for where in ("CHANGING", "REACHED", "EVERYTHING", "OTHERS", "DEPENDS"):
        assert list(dict.fromkeys(m.kind for at, m in ALL if at == where)) == list(getattr(dependencies, where))


@pytest.mark.parametrize(
    ("family", "setup", "change"),
    [
        ("other_comments", f"{_T} CREATE POLICY p ON t; COMMENT ON POLICY p ON t IS 'x'", _RENAME_T),
        (
            "other_comments",
            f"{_T} CREATE RULE r AS ON DELETE TO t DO NOTHING; COMMENT ON RULE r ON t IS 'x'",
            _RENAME_T,
        ),
        ("other_comments", f"{_PUBLICATION} COMMENT ON PUBLICATION p IS 'x'", "ALTER PUBLICATION p RENAME TO q"),
        ("database", _PUBLICATION, "ALTER PUBLICATION p RENAME TO q"),
        ("database", f"{_EVENT}", "ALTER EVENT TRIGGER e DISABLE"),
        ("database", f"{_EVENT}", "DROP EVENT TRIGGER e"),
        ("database", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", _NO_DEFAULTS),
        ("database", f"{_SERVER} CREATE USER MAPPING FOR PUBLIC SERVER s", "DROP USER MAPPING FOR PUBLIC SERVER s"),
    ],
)
def test_a_family_is_read_where_no_kind_tells_of_what_it_names(
    database: Address, monkeypatch: pytest.MonkeyPatch, family: str, setup: str, change: str
) -> None:
    mutant = Mutant(family, setup, change)
    assert missed(database, mutant) == ([], 1)
    with connect(database) as conn:
        conn.execute("DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE; DROP TABLE IF EXISTS t, u")
        conn.execute("DROP PUBLICATION IF EXISTS p, q; DROP EVENT TRIGGER IF EXISTS e")
        conn.execute(f"DROP FUNCTION IF EXISTS told; {_NO_DEFAULTS}")
    monkeypatch.setattr(dependencies, "TO_READ", {**dependencies.TO_READ, family: "false"})
    found, quick = missed(database, mutant)
    assert (found != [], quick) == (True, 1)


def test_what_happens_to_a_relation_of_an_extension_is_seen(database: Address) -> None:
    assert missed(database, Mutant("relations", _MEMBERS, "GRANT SELECT ON member TO PUBLIC")) == ([], 1)
