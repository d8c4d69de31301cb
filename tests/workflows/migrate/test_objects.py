"""Views, functions, triggers and policies from the files of a service: written, replaced, dropped, and told apart."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import BadInput
from aegisdb.models.object_files import Unit, read_units, with_mark
from aegisdb.postgres.address import Address
from aegisdb.registry import load
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

MODELS = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(sa.Text)
"""
FILES = {
    # named so that each comes before what it needs
    "a_top.sql": "CREATE VIEW shop_top AS SELECT id FROM shop_named WHERE id > 0;\n"
    "COMMENT ON VIEW shop_top IS ':it''s';",
    "b_named.sql": "CREATE VIEW shop_named AS SELECT id, name FROM shop_items WHERE shop_ok(name);",
    "c_count.sql": "CREATE MATERIALIZED VIEW shop_count AS SELECT count(*) AS n FROM shop_top;\n"
    "CREATE UNIQUE INDEX ON shop_count (n);",
    "deep/f_ok.sql": "-- said\nCREATE FUNCTION shop_ok(t text) RETURNS boolean LANGUAGE plpgsql AS $$\n"
    "BEGIN\n    RETURN t ~ '\\w:x' OR t LIKE '%s';\nEND;\n$$;",
    "g_touch.sql": "CREATE FUNCTION shop_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n"
    "CREATE TRIGGER touch BEFORE UPDATE ON shop_items FOR EACH ROW EXECUTE FUNCTION shop_touch();\n"
    "CREATE POLICY own ON shop_items USING (shop_ok(name));",
}


def ready(root: Path, database: Address) -> Path:
    revisions = (Rev(id="s1", up=table("shop_items", "name text"), down='op.drop_table("shop_items")'),)
    build_monorepo(root, {"shop": Svc(revisions=revisions, models=MODELS)}, url=database.url())
    path = root / "services.yaml"
    document = json.loads(path.read_text())
    document["services"]["shop"]["objects"] = "sql"
    path.write_text(json.dumps(document))
    for name, text in FILES.items():
        file = root / "services/shop/sql" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def new(root: Path, message: str, *words: str) -> Ran:
    return invoke("migrate.new", "--service", "shop", "-m", message, "--format", "json", *words, cwd=root)


def verified(root: Path) -> list[str]:
    return [error["message"] for error in invoke("migrate.verify", "--format", "json", cwd=root).json["errors"]]


def test_files_become_revisions_in_the_right_order(database: Address, tmp_path: Path) -> None:
    root, folder = ready(tmp_path, database), tmp_path / "services/shop/sql"
    assert invoke("migrate.apply", cwd=root).code == 0
    told = [line for line in verified(root) if "the files of objects are not what the revisions build" in line]
    assert len(told) == 7
    examined = invoke("doctor", "--format", "json", cwd=root).json["result"]["findings"]
    assert any(finding["check"] == "objects" for finding in examined)

    ran = new(root, "make views and functions of items")
    assert (ran.code, ran.json["result"]["proven"]) == (0, True), ran.err
    assert invoke("migrate.apply", cwd=root).code == 0
    assert verified(root) == []
    with psycopg.connect(database.url()) as conn:
        body = conn.execute("SELECT prosrc FROM pg_proc WHERE proname = 'shop_ok'").fetchone()
    assert body == ("\nBEGIN\n    RETURN t ~ '\\w:x' OR t LIKE '%s';\nEND;\n",), "as in the file, not indented"

    # a view whose columns change is dropped with what rests on it, and all of that is made again
    (folder / "b_named.sql").write_text(FILES["b_named.sql"].replace("SELECT id, name", "SELECT name, id, 1 AS one"))
    ran = new(root, "give named items a column")
    assert (ran.code, ran.json["result"]["operations"]) == (0, ["replace view public.shop_named (b_named.sql)"]), (
        ran.err
    )
    written = (root / ran.json["result"]["path"]).read_text()
    assert written.index("DROP MATERIALIZED VIEW IF EXISTS public.shop_count") < written.index(
        "shop_named AS SELECT name"
    )
    assert invoke("migrate.apply", cwd=root).code == 0
    assert verified(root) == []

    (folder / "a_top.sql").unlink()
    (folder / "c_count.sql").unlink()
    assert (new(root, "drop two views of items").code, len(verified(root))) == (3, 2)
    ran = new(root, "drop two views of items", "--allow-drop")
    assert ran.code == 0, ran.err
    assert sorted(ran.json["result"]["operations"]) == [
        "drop materialized view public.shop_count",
        "drop view public.shop_top",
    ]
    assert invoke("migrate.rollback", "--service", "shop", "--yes", cwd=root).code in {0, 1}
    assert invoke("migrate.roundtrip", "--all", cwd=root).code == 0


def test_a_column_changes_under_a_view_of_a_file(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database)
    assert new(root, "make views and functions of items").code == 0
    (file,) = (root / "services/shop").glob("models.py")
    file.write_text(file.read_text().replace("mapped_column(sa.Text)", "mapped_column(sa.String(40))"))
    ran = new(root, "shorten names of items")
    assert (ran.code, ran.json["result"]["proven"]) == (0, True), ran.err
    assert ran.json["result"]["untried"] == ""


def test_a_file_that_does_not_run_is_named(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database)
    (root / "services/shop/sql/z.sql").write_text("CREATE VIEW shop_z AS SELECT nothing FROM shop_items")
    ran = new(root, "make views and functions of items")
    assert ran.code == 6
    assert 'z.sql: column "nothing" does not exist' in ran.last
    assert any('z.sql: column "nothing" does not exist' in line for line in verified(root))
    (root / "services/shop/sql/z.sql").write_text("-- x\nDROP TABLE shop_items;")
    with pytest.raises(BadInput, match="makes no view") as caught:
        read_units(load(root / "services.yaml", {}), "shop")
    assert caught.value.where.endswith("z.sql:2")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("statement", "key", "makes"),
    [
        ("create or replace view Shop_V as select 1", "view public.shop_v", True),
        ('CREATE VIEW "Shop_V" AS SELECT 1', 'view public."Shop_V"', True),
        ('CREATE VIEW "shop_v" AS SELECT 1', "view public.shop_v", True),
        ("CREATE VIEW own.shop_v AS SELECT 1", "view public.shop_v", False),
        ("CREATE MATERIALIZED VIEW IF NOT EXISTS shop_v AS SELECT 1", "materialized view public.shop_v", True),
        ("CREATE FUNCTION f(a int) RETURNS int", "function public.f(a integer)", True),
        ("CREATE TRIGGER t BEFORE UPDATE ON public.x FOR EACH ROW", "trigger public.x.t", True),
        ("CREATE TRIGGER t BEFORE UPDATE ON y FOR EACH ROW", "trigger public.x.t", False),
        ("CREATE POLICY p ON x USING (true)", "policy public.x.p", True),
    ],
)
def test_which_object_a_statement_makes(statement: str, key: str, makes: bool) -> None:  # noqa: FBT001
    assert Unit("file", (statement,)).makes(key) is makes


@pytest.mark.quick
def test_a_mark_stands_behind_the_ids() -> None:
    text = 'revision = "a"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n'
    assert with_mark(text, {"view v": None}).startswith(
        "revision = \"a\"\ndown_revision = None\nobjects = {\n    'view v': None,\n}\n\n\ndef"
    )
