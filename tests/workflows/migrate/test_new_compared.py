"""What a hook of Alembic adds to a new revision is compared with the models, as it stands in the file."""

from __future__ import annotations

import sys
from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import item
from tests.monorepo import Rev, Svc, build_monorepo, write

HOOK = """
import re
import sys

with open(sys.argv[1]) as file:
    text = file.read()
for name, statement in {statements!r}.items():
    text = re.sub(f"(def {{name}}.*)", lambda found: found[0] + f"\\n    op.execute({{statement!r}})", text)
with open(sys.argv[1], "w") as file:
    file.write(text)
"""
ITEMS = 'op.create_table("shop_items", sa.Column("id", sa.Integer, primary_key=True))'


def _new(root: Path, database: Address, up: str, down: str) -> tuple[int, str]:
    shop = Svc(revisions=(Rev(id="s1", up=ITEMS, down='op.drop_table("shop_items")'),))
    build_monorepo(root, {"shop": shop}, url=database.url())
    home = root / "services" / "shop"
    write(home / "models.py", item("number: Mapped[int | None]").replace("T_", "shop_"))
    write(home / "hook.py", HOOK.format(statements={"upgrade": up, "downgrade": down}))
    ini = home / "alembic.ini"
    hook = f"type = exec\nadd.executable = {sys.executable}\nadd.options = {home / 'hook.py'} REVISION_SCRIPT_FILENAME"
    ini.write_text(f"{ini.read_text()}\n[post_write_hooks]\nhooks = add\nadd.{hook}\n")
    ran = invoke("migrate.new", "--service", "shop", "-m", "number the items", cwd=root)
    (path,) = (path for path in (home / "alembic" / "versions").glob("*.py") if "number_the_items" in path.name)
    assert up.partition(" AS ")[0] in path.read_text()
    return ran.code, ran.out + ran.err


def test_a_column_that_no_model_has(tmp_path: Path, database: Address) -> None:
    add, drop = (f"ALTER TABLE shop_items {what} COLUMN by_hook" for what in ("ADD", "DROP"))
    code, said = _new(tmp_path, database, f"{add} int", drop)
    assert code != 0
    assert "column public.shop_items.by_hook" in said
    assert "write it into the new file by hand" in said


def test_what_models_have_no_word_for(tmp_path: Path, database: Address) -> None:
    function = "CREATE FUNCTION shop_one() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    code, said = _new(tmp_path, database, function, "DROP FUNCTION shop_one()")
    assert code == 0, said
    assert "and the models agree" in said
