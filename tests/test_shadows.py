"""Tables and functions of a database that are named like PostgreSQL's own: no question of ours is answered by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.markers import mark
from tests.invoke import invoke
from tests.monorepo import MODELS, Rev, Svc, build_monorepo, write

_BODY = "RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'somebody else''s {}'; END $$"
_ONE = (
    *(
        "quote_ident",
        "quote_literal",
        "format_type",
        "lower",
        "upper",
        "length",
        "left",
        "md5",
        "to_regclass",
        "concat",
    ),
    *("to_regtype", "starts_with", "host", "pg_get_viewdef", "pg_get_constraintdef", "to_json"),
    *("pg_database_size", "to_jsonb", "substr", "replace", "btrim", "rtrim", "hashtext"),
)
_TWO = (
    *("format", "concat", "concat_ws", "string_agg", "left", "right", "starts_with", "strpos", "split_part"),
    *("json_build_array", "jsonb_build_object", "json_build_object", "rtrim", "btrim", "array_to_string", "repeat"),
)
_SIGNATURES = (
    *(f"{name}({kind})" for name in _ONE for kind in ("name", "varchar", "regclass")),
    *(f"{name}({kind})" for name in _TWO for kind in ("text, name", "name, text", "name, name", "text, varchar")),
    *(f"{name}(text, name, name)" for name in ("format", "concat", "concat_ws")),
)
FUNCTIONS = "\n".join(f"CREATE FUNCTION public.{one} {_BODY.format(one)};" for one in _SIGNATURES)
EXACT = "\n".join(
    f"CREATE FUNCTION public.{one} RETURNS {returns} LANGUAGE plpgsql"
    f" AS $$ BEGIN RAISE EXCEPTION 'somebody else''s {one}'; END $$;"
    for one, returns in (
        ("md5(text)", "text"),
        ("quote_ident(text)", "text"),
        ("to_regclass(text)", "regclass"),
        ("pg_backend_pid()", "int"),
        ("format_type(oid, int)", "text"),
        ("set_config(text, text, boolean)", "text"),
        ("pg_try_advisory_lock(bigint)", "boolean"),
    )
)
# not pg_type, which psycopg asks by its bare name, nor current_setting, which SQLAlchemy calls so: nothing works there
TABLES = "\n".join(
    f"CREATE TABLE public.{name} (id int);"
    for name in (
        *(
            "pg_class",
            "pg_namespace",
            "pg_database",
            "pg_attribute",
            "pg_constraint",
            "pg_index",
            "pg_depend",
        ),
        *("pg_proc", "pg_locks", "pg_stat_activity", "pg_settings", "pg_roles", "pg_extension", "pg_trigger"),
    )
)
ITEM = """

class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
"""
COMMANDS = (
    ("db.reset", "--yes"),
    ("migrate.status",),
    ("migrate.roundtrip",),
    ("migrate.plan",),
    ("migrate.apply",),
    ("migrate.verify",),
    ("migrate.log",),
    ("migrate.sql", "--service", "shop"),
    ("migrate.rollback", "--service", "shop", "--yes"),
    ("migrate.apply",),
    ("db.status",),
    ("db.verify",),
    ("db.snapshot", "one"),
    ("db.restore", "one", "--yes"),
    ("db.diagram",),
    ("service.owners",),
    ("seed.prove",),
    ("doctor",),
    ("ci",),
)


@pytest.mark.parametrize(
    ("init", "path"),
    [(FUNCTIONS, ""), (FUNCTIONS + EXACT + TABLES, "?options=-csearch_path%3Dpublic%2Cpg_catalog")],
    ids=["functions that fit better", "all of them, and looked for first"],
)
def test_no_question_of_ours_is_answered_by_them(tmp_path: Path, database: Address, init: str, path: str) -> None:
    up = 'op.create_table("shop_items", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text))'
    revisions = (Rev(id="s1", message="make shop_items", up=up, down='op.drop_table("shop_items")'),)
    services = {
        "shop": Svc(revisions=revisions, models=ITEM + "    name: Mapped[str | None] = mapped_column(sa.Text)\n")
    }
    root = build_monorepo(tmp_path, services, url=database.url() + path, init={"init.sql": init})
    with databases.maintenance(database) as conn:
        mark(conn, database.database, "test")
    failed: dict[str, str] = {}
    for words in COMMANDS:
        ran = invoke(*words, cwd=root)
        if ran.code:
            failed[" ".join(words)] = ran.last[:300]
    assert failed == {}, "\n".join(map(": ".join, failed.items()))
    if path:
        return  # Alembic's autogenerate itself asks pg_class and pg_depend by their bare names
    models = root / "services/shop/models.py"
    write(models, MODELS + ITEM + "    name: Mapped[str] = mapped_column(sa.Text)\n    more: Mapped[int | None]\n")
    ran = invoke("migrate.new", "--service", "shop", "-m", "more", cwd=root)
    assert ran.code == 0, ran.out + ran.err
    assert invoke("migrate.apply", cwd=root).code == 0
    assert invoke("migrate.verify", cwd=root).code == 0
