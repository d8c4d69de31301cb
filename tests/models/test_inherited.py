"""A table that inherits has its parent's CHECKs by that; whether it had them before it inherited models do not say."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import BASE, HEAD
from tests.monorepo import Rev, Svc, build_monorepo, write

COLUMNS = "id int PRIMARY KEY, number int NOT NULL CONSTRAINT positive CHECK (number > 0)"
UP = (
    f"CREATE TABLE shop_items ({COLUMNS})",
    f"CREATE TABLE shop_parts ({COLUMNS}, other int)",
    "ALTER TABLE shop_parts INHERIT shop_items",
)
MODELS = """

ID = {"type_": sa.Integer, "primary_key": True, "autoincrement": False}
NUMBER = CheckConstraint("number > 0", name="positive")
Table("shop_items", Base.metadata, Column("id", **ID), Column("number", sa.Integer, nullable=False), NUMBER)
Table("shop_parts", Base.metadata, Column("id", **ID), Column("other", sa.Integer), postgresql_inherits="shop_items")
"""


def test_a_table_that_inherits_later(tmp_path: Path, database: Address) -> None:
    up = "\n".join(f"op.execute({sql!r})" for sql in UP)
    revision = Rev(id="s1", up=up, down='op.execute("DROP TABLE shop_parts, shop_items")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=database.url())
    models = root / "services" / "shop" / "models.py"
    write(models, HEAD + BASE + MODELS)
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", cwd=root)
    assert ran.code == 0, ran.err
    write(models, HEAD + BASE + MODELS.replace("> 0", "> 1"))
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    assert "constraint public.shop_items.positive" in {error["where"] for error in ran.json["errors"]}
