"""A NOT NULL that PostgreSQL 18 has not checked is none yet for the rows that are there."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import HEAD, item
from tests.monorepo import Rev, Svc, build_monorepo, write

UP = (
    "CREATE TABLE shop_items (id serial PRIMARY KEY, number int, other int CONSTRAINT of_ours NOT NULL)",
    "ALTER TABLE shop_items ADD CONSTRAINT later NOT NULL number NOT VALID",
)


def test_it_is_told_and_checked_by_a_new_revision(tmp_path: Path, database: Address) -> None:
    up = "\n".join(f"op.execute({sql!r})" for sql in UP)
    revision = Rev(id="s1", up=up, down='op.drop_table("shop_items")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=database.url())
    models = item("number: Mapped[int]", "other: Mapped[int]").replace("T_", "shop_")
    assert models.startswith(HEAD)
    write(root / "services" / "shop" / "models.py", models)
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    (error,) = ran.json["errors"]
    assert "column public.shop_items.number: the revisions make it not null named later not valid" in error["message"]
    new = invoke("migrate.new", "--service", "shop", "-m", "check the numbers", cwd=root)
    assert new.code == 0, new.out + new.err
    assert "ALTER TABLE public.shop_items ALTER COLUMN number SET NOT NULL" in new.out
    assert invoke("migrate.apply", cwd=root).code == 0
    assert invoke("migrate.verify", cwd=root).code == 0
