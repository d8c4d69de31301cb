"""A model under whose name the histories have no table is told as what it is, and no CREATE TABLE is written for it."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.models.both_ways import assert_both_ways_are_one
from tests.monorepo import MODELS, Rev, Svc, build_monorepo, table, write

ITEM = """

class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""
IS_VIEW = '{"info": {"is_view": True}}'


def model(name: str, args: str = "") -> str:
    told = f"    __table_args__ = {args}\n" if args else ""
    return ITEM.replace("Item", name.title().replace("_", "")).replace("shop_items", f"shop_{name}") + told


def made(sql: str, drop: str) -> Rev:
    """A revision beside the table."""
    up = "\n".join(f"op.execute({one!r})" for one in sql.split("; "))
    return Rev(id="s2", up=up, down="\n".join(f"op.execute({one!r})" for one in drop.split("; ")))


KINDS = {
    "totals": ("view", made("CREATE VIEW shop_totals AS SELECT id FROM shop_items", "DROP VIEW shop_totals")),
    "kept": (
        "materialized view",
        made("CREATE MATERIALIZED VIEW shop_kept AS SELECT 1::bigint AS id", "DROP MATERIALIZED VIEW shop_kept"),
    ),
    "far": (
        "foreign table",
        made(
            "CREATE FOREIGN DATA WRAPPER shop_none; CREATE SERVER shop_far FOREIGN DATA WRAPPER shop_none; "
            "CREATE FOREIGN TABLE shop_far (id bigint) SERVER shop_far",
            "DROP FOREIGN TABLE shop_far; DROP SERVER shop_far; DROP FOREIGN DATA WRAPPER shop_none",
        ),
    ),
    "part": (
        "partition of public.other_events",
        made("CREATE TABLE shop_part PARTITION OF other_events DEFAULT", "DROP TABLE shop_part"),
    ),
    "number": ("sequence", made("CREATE SEQUENCE shop_number", "DROP SEQUENCE shop_number")),
    "pair": ("composite type", made("CREATE TYPE shop_pair AS (a int)", "DROP TYPE shop_pair")),
    "mood": ("enum type", made("CREATE TYPE shop_mood AS ENUM ('a')", "DROP TYPE shop_mood")),
    "small": ("domain", made("CREATE DOMAIN shop_small AS int", "DROP DOMAIN shop_small")),
}
INIT = {"init.sql": "CREATE TABLE other_events (id bigint PRIMARY KEY) PARTITION BY RANGE (id);"}


class Shop:
    """A monorepo with one service, whose history makes a table and the objects of `kinds` beside it."""

    def __init__(self, root: Path, database: Address, kinds: tuple[str, ...], models: str) -> None:
        revisions = [Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")')]
        for kind in kinds:
            one = KINDS[kind][1]
            revisions.append(Rev(id=f"s{len(revisions) + 1}", up=one.up, down=one.down))
        service = Svc(revisions=tuple(revisions), models=models)
        with psycopg.connect(database.url()) as conn:
            conn.execute(INIT["init.sql"])
        self.root = build_monorepo(root, {"shop": service}, url=database.url(), init=INIT)

    def model(self, models: str) -> None:
        write(self.root / "services" / "shop" / "models.py", MODELS + models)

    def invoke(self, *words: str) -> Ran:
        return invoke(*words, cwd=self.root)

    def problems(self, *words: str) -> list[tuple[str, str, str]]:
        ran = self.invoke(*words, "--format", "json")
        assert ran.code == 6, ran.out + ran.err
        return [(one["code"], one["message"], one["hint"]) for one in ran.json["errors"]]

    def new(self, *words: str) -> Ran:
        return self.invoke("migrate.new", "--service", "shop", "-m", "follow", *words)

    def revisions(self) -> int:
        return len([*(self.root / "services/shop/alembic/versions").glob("*.py")])


def test_each_kind_is_told_and_none_is_created(tmp_path: Path, database: Address) -> None:
    shop = Shop(tmp_path, database, tuple(KINDS), ITEM + "".join(map(model, KINDS)))
    assert shop.invoke("migrate.apply").code == 0
    told = {message: hint for code, message, hint in shop.problems("migrate.verify") if code == "other_kind"}
    for name, (kind, _) in KINDS.items():
        article = "an" if kind[0] == "e" else "a"
        table_ = f"public.shop_{name} (class {name.title()})"
        line = f"shop: table {table_} of the models is {article} {kind} in the histories"
        assert line in told
        assert ("is_view" in told[line]) == kind.endswith("view")
    assert len(shop.problems("migrate.verify")) == len(KINDS), "nothing else is said of them"
    assert_both_ways_are_one(shop.root)
    files = shop.revisions()
    for words in ((), ("--dry-run",)):
        ran = shop.new("--format", "json", *words)
        assert ran.code == 6
        assert {error["code"] for error in ran.json["errors"]} == {"other_kind"}
        assert "agree" not in ran.out
    assert shop.revisions() == files
    assert shop.invoke("doctor").code == 6
    assert "other_kind" in json.dumps(shop.invoke("doctor", "--format", "json").json)


@pytest.mark.parametrize("hidden", ["info", "env.py"])
def test_a_model_that_says_so_is_left_out(tmp_path: Path, database: Address, hidden: str) -> None:
    """The view stands on the service's own table, which the comparison drops with all that hangs on it."""
    views = ("totals", "kept")
    shop = Shop(tmp_path, database, views, ITEM + "".join(model(name, IS_VIEW) for name in views))
    if hidden == "env.py":
        shop.model(ITEM + "".join(map(model, views)))
        env = shop.root / "services" / "shop" / "alembic" / "env.py"
        hook = "include_object=lambda item, name, *_: name not in ('shop_totals', 'shop_kept'), target_metadata="
        write(env, env.read_text().replace("target_metadata=", hook))
    assert shop.invoke("migrate.apply").code == 0
    ran = shop.invoke("migrate.verify")
    assert ran.code == 0, ran.out + ran.err
    assert "models and history agree (1 table compared)" in shop.new().out
    assert_both_ways_are_one(shop.root)


def test_what_is_called_a_view_and_is_none_is_told(tmp_path: Path, database: Address) -> None:
    models = model("items", IS_VIEW) + model("gone", IS_VIEW)
    shop = Shop(tmp_path, database, (), models)
    assert shop.invoke("migrate.apply").code == 0
    told = {code: message for code, message, _ in shop.problems("migrate.verify")}
    assert told == {
        "other_kind": "shop: view public.shop_items (class Items) of the models is a table in the histories",
        "unowned_model": "shop: no revision makes it: view public.shop_gone (class Gone) of the models",
    }


CREATED = """
recent = sa.CreateView(sa.select(Item.__table__.c.id{more}).where(Item.__table__.c.id > {least}), "shop_recent",
    metadata=Base.metadata)


class Recent(Base):
    __table__ = recent.table
    __mapper_args__ = {{"primary_key": [recent.table.c.id]}}
"""


def test_a_view_of_create_view_is_compared_and_followed(tmp_path: Path, database: Address) -> None:
    """SQLAlchemy 2.1 makes it with `create_all`; Alembic takes it for a table."""
    shop = Shop(tmp_path, database, (), ITEM + CREATED.format(more="", least=1))
    assert shop.invoke("migrate.apply").code == 0
    for more, least in (("", 1), (", sa.literal(2).label('two')", 3)):
        shop.model(ITEM + CREATED.format(more=more, least=least))
        assert [code for code, *_ in shop.problems("migrate.verify")] == ["models"]
        ran = shop.new()
        assert ran.code == 0, ran.out + ran.err
        assert "CREATE VIEW public.shop_recent AS" in ran.out
        assert shop.invoke("migrate.apply").code == 0
        assert shop.invoke("migrate.verify").code == 0
        assert_both_ways_are_one(shop.root)


def test_tables_are_written_beside_a_view_that_no_revision_makes_yet(tmp_path: Path, database: Address) -> None:
    """The view cannot come first, since it stands on a table."""
    shop = Shop(tmp_path, database, (), ITEM + model("totals", IS_VIEW))
    for revision in (shop.root / "services" / "shop" / "alembic" / "versions").glob("*.py"):
        revision.unlink()
    for words, files in ((("--dry-run",), 0), ((), 1)):
        ran = shop.new("--format", "json", *words)
        assert ran.code == 6
        assert "create table shop_items" in ran.json["result"]["operations"]
        assert [error["code"] for error in ran.json["errors"]] == ["unowned_model"]
        assert shop.revisions() == files


@pytest.mark.parametrize("of", ["TABLE shop_items", "ALL TABLES", "TABLES IN SCHEMA public"])
def test_a_publication_of_the_services_own_is_no_difference(database: Address, tmp_path: Path, of: str) -> None:
    """The tables of the models take the place of those that it was made for, and so are not in it."""
    revisions = (
        Rev(id="s1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),
        made(f"CREATE PUBLICATION shop_pub FOR {of}", "DROP PUBLICATION shop_pub"),
    )
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=revisions, models=ITEM)}, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", cwd=root)
    assert ran.code == 0, ran.out + ran.err
