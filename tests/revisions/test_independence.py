"""Which services may be applied side by side: those whose text shows that neither knows of the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.registry import load
from aegisdb.revisions.independence import waits
from aegisdb.revisions.load import good_histories
from aegisdb.runtime.upgrade import names_in
from tests.monorepo import Rev, Svc, build_monorepo


def waiting(
    root: Path, a: str, b: str, *, shared: tuple[str, ...] = ("accounts",), **settings: object
) -> frozenset[str]:
    """For whom service b (owns b_*) waits, a (owns a_*) being before it."""
    services = {"a": Svc(revisions=(Rev(id="a1", up=a),)), "b": Svc(revisions=(Rev(id="b1", up=b),), **settings)}  # type: ignore[arg-type]
    build_monorepo(root, services)
    registry = load(root / "services.yaml", {})
    todo = [(history, history.ordered()) for history in good_histories(registry).values()]
    return waits(registry, [(history, tuple(steps)) for history, steps in todo], shared)["b"]


PLAIN = 'op.execute("CREATE TABLE a_items (id int)")'


@pytest.mark.parametrize(
    "text",
    [
        'op.execute("CREATE TABLE b_items (id int, account int REFERENCES accounts (id))")',
        'op.add_column("b_items", sa.Column("x", sa.Integer, sa.ForeignKey("accounts.id")))',
        'op.execute("UPDATE b_items SET id = 1")',
        "import datetime; op.execute('SELECT 1')",
        'for name in ("b_items", "b_lines"):\n    op.execute(f"ALTER TABLE {name} ADD x int")',
        """op.execute("ALTER TABLE b_items ADD CHECK (code ~ '^[A-Z]{2}[0-9]{3,5}x$')")""",
        'op.execute("CREATE OR REPLACE FUNCTION b_touch() RETURNS int LANGUAGE sql RETURN 1")',
        """op.execute("DO $$ BEGIN EXECUTE 'DROP TABLE b_items'; END $$")""",
        'op.execute("CREATE TRIGGER t AFTER INSERT ON b_items EXECUTE FUNCTION b_touch(); SELECT b_a || b_b FROM b_t")',
        'op.execute("GRANT EXECUTE ON FUNCTION b_touch() TO app")',
    ],
)
def test_own_tables_and_foreign_keys_to_what_all_share_need_no_waiting(tmp_path: Path, text: str) -> None:
    assert waiting(tmp_path, PLAIN, text) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        'op.execute("INSERT INTO b_items SELECT id FROM a_items")',
        'op.execute("INSERT INTO b_items SELECT id FROM A_Items")',
        'op.execute("CREATE TABLE b_items (id int REFERENCES a_items (id))")',
        'op.create_foreign_key("fk", "b_items", "a_items", ["x"], ["id"])',
        'with op.get_context().autocommit_block():\n    op.execute("SELECT 1")',
        'op.execute("DO $$ BEGIN PERFORM 1 FROM pg_class; END $$")',
        'op.execute("SELECT 1 FROM information_schema.tables")',
        "sa.inspect(op.get_bind()).get_table_names()",
        'from pathlib import Path; op.execute(Path("x.sql").read_text())',
        'op.execute(open("x.sql").read())',
        "from b.models import Base; Base.metadata.create_all(op.get_bind())",
        "import b.models",
        'op.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")',
        'op.execute("CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION b_f()")',
        'op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC")',
        'op.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")',
        'op.execute("DO $$ BEGIN PERFORM 1 FROM pg_enum; END $$")',
        "sa.MetaData().reflect(op.get_bind())",
        'name = "a"; op.execute(f"DROP TABLE {name}_items")',
        'name = "a"; op.execute("DROP TABLE %s_items" % name)',
        'name = "a"; op.execute("DROP TABLE {}_items".format(name))',
        'name = "a"; op.execute("DROP TABLE " + name + "_items")',
        'op.execute("DROP TABLE " + "_".join(("a", "items")))',
        "import json, b.models",
        "import json; import b.models",
        """op.execute("DO $$ BEGIN EXECUTE 'DROP TABLE ' || left('a', 1) || '_items'; END $$")""",
        """op.execute("DO $$ BEGIN EXECUTE format('DROP TABLE %I', concat('a', '_', 'items')); END $$")""",
        """op.execute("DO $$ BEGIN EXECUTE replace('DROP TABLE X_items', 'X', 'a'); END $$")""",
        'op.execute("DROP TABLE X_items".replace("X", "a"))',
        'op.execute("SET SESSION AUTHORIZATION app")',
        "op.get_bind().dialect.has_table(op.get_bind(), name)",
        'op.execute("IMPORT FOREIGN SCHEMA public FROM SERVER s INTO public")',
        "op.execute(\"COMMENT ON ROLE app IS 'x'\")",
        # used by who does not name it
        'op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")',
        'op.execute("CREATE CAST (text AS int) WITH INOUT AS IMPLICIT")',
        'op.execute("CREATE OPERATOR CLASS b_ops DEFAULT FOR TYPE point USING btree AS STORAGE point")',
        'op.execute("ALTER TEXT SEARCH CONFIGURATION english DROP MAPPING FOR word")',
        'op.execute("CREATE OR REPLACE PROCEDURAL LANGUAGE plfoo")',
        'op.execute("CREATE PUBLICATION p FOR ALL TABLES")',
        'op.execute("ALTER PUBLICATION p SET TABLE b_items")',
        # triggers of anybody's tables may call it
        'op.execute("CREATE OR REPLACE FUNCTION accounts() RETURNS int LANGUAGE sql RETURN 1")',
    ],
)
def test_what_may_reach_the_other_waits(tmp_path: Path, text: str) -> None:
    assert waiting(tmp_path, PLAIN, text) == {"a"}


def test_the_first_one_may_be_the_one_that_reaches_far(tmp_path: Path) -> None:
    assert waiting(tmp_path, 'op.execute("SELECT 1 FROM pg_class")', 'op.execute("SELECT 1")') == {"a"}
    assert waiting(tmp_path / "reads", 'op.execute("SELECT 1 FROM b_items")', 'op.execute("SELECT 1")') == {"a"}


def test_two_that_change_what_nobody_owns_wait(tmp_path: Path) -> None:
    change = 'op.execute("UPDATE accounts SET x = 1")'
    assert waiting(tmp_path, change, change) == {"a"}
    assert waiting(tmp_path / "not-there", change, change, shared=()) == frozenset()


def test_two_that_change_what_a_third_one_owns_wait(tmp_path: Path) -> None:
    services = {
        "a": Svc(revisions=(Rev(id="a1", up='op.execute("UPDATE c_items SET x = 1")'),)),
        "b": Svc(revisions=(Rev(id="b1", up='op.execute("ALTER TABLE c_parts ADD x int")'),)),
        "c": Svc(revisions=(Rev(id="c1", up='op.execute("CREATE TABLE c_items (x int)")'),)),
        "d": Svc(revisions=(Rev(id="d1", up='op.execute("CREATE TABLE d_items (c int REFERENCES c_items (x))")'),)),
    }
    build_monorepo(tmp_path, services)
    registry = load(tmp_path / "services.yaml", {})
    histories = good_histories(registry)
    todo = [(histories[name], tuple(histories[name].ordered())) for name in ("a", "b", "d")]
    assert waits(registry, todo, ()) == {"a": frozenset(), "b": {"a"}, "d": frozenset()}


def test_a_declared_order_and_unknown_owners_wait(tmp_path: Path) -> None:
    assert waiting(tmp_path / "after", PLAIN, 'op.execute("SELECT 1")', after=("a",)) == {"a"}
    assert waiting(tmp_path / "owns", PLAIN, 'op.execute("SELECT 1")', owns=()) == {"a"}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            'op.execute("CREATE OR REPLACE FUNCTION touch() RETURNS int LANGUAGE sql RETURN 1")',
            'op.execute("CREATE OR REPLACE FUNCTION public.touch() RETURNS int LANGUAGE sql RETURN 2")',
        ),
        (
            'op.execute("CREATE TABLE IF NOT EXISTS settings (x int)")',
            'op.create_table("settings", sa.Column("y", sa.Integer), if_not_exists=True)',
        ),
        ('op.create_index("ix_x", "a_items", ["x"])', 'op.create_index("ix_x", "b_items", ["x"], if_not_exists=True)'),
        ('op.rename_table("a_items", "things")', 'op.execute("CREATE TABLE IF NOT EXISTS things (x int)")'),
        ('op.execute("ALTER TABLE a_items RENAME TO things")', 'op.rename_table("b_items", "things")'),
        (
            """op.execute("SELECT create_graph('lines')")""",
            """op.execute("SELECT * FROM cypher('lines', $$ CREATE (n) $$) AS (v agtype)")""",
        ),
        (
            'sa.Enum("x", name="kind").create(op.get_bind(), checkfirst=True)',
            """op.execute("DO $$ BEGIN CREATE TYPE Kind AS ENUM ('y'); EXCEPTION WHEN OTHERS THEN END $$")""",
        ),
        ('op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")', 'op.execute("DROP EXTENSION IF EXISTS pg_trgm")'),
    ],
)
def test_two_that_make_what_nobody_owns_wait_though_it_is_not_there_yet(tmp_path: Path, a: str, b: str) -> None:
    assert waiting(tmp_path, a, b, shared=()) == {"a"}
    assert waiting(tmp_path / "turned", b, a, shared=()) == {"a"}


def test_names_of_everybody_are_those_of_relations_functions_types_and_graphs(database: Address) -> None:
    with connect(database) as conn:
        for statement in (
            "CREATE TYPE pair AS (x int, y int)",
            "CREATE TYPE span AS RANGE (subtype = float8)",
            "CREATE DOMAIN grade AS int",
            "CREATE SCHEMA lines CREATE TABLE _ag_label_vertex (id int)",
            "CREATE SCHEMA plain CREATE TABLE kept (id int)",
        ):
            conn.execute(statement)
        assert names_in(conn) >= {"pair", "span", "grade", "lines", "kept"}
        assert not {"plain", "public"} & names_in(conn)
