"""A sequence that a default of a new table or column names is made before them, and goes after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

NUMBER = 'sa.Sequence("Number", start=7)'
TABLE = f"""
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(
        sa.BigInteger, {NUMBER}, server_default={NUMBER}.next_value(), primary_key=True
    )
"""
COLUMN = f"""
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, {NUMBER}, server_default={NUMBER}.next_value())
"""
HAD = Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")')


@pytest.mark.parametrize(("models", "had"), [(TABLE, ()), (COLUMN, (HAD,))])
def test_it_comes_first(tmp_path: Path, database: Address, models: str, had: tuple[Rev, ...]) -> None:
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=had, models=models)}, url=database.url())
    ran = invoke("migrate.new", "--service", "shop", "-m", "number the items", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    assert ran.json["result"]["operations"][0].startswith('CREATE SEQUENCE public."Number"')
    assert invoke("migrate.apply", cwd=root).code == 0
    assert invoke("migrate.verify", cwd=root).code == 0


def test_one_that_its_column_owns_is_that_of_the_models(tmp_path: Path, database: Address) -> None:
    """Models cannot say OWNED BY; it was told as made by no revision."""
    up = """op.execute('CREATE SEQUENCE "Number" START 7')
op.execute("CREATE TABLE shop_items (id bigint PRIMARY KEY DEFAULT nextval('\\"Number\\"'))")
op.execute('ALTER SEQUENCE "Number" OWNED BY shop_items.id')
"""
    had = Rev(id="s1", up=up, down='op.drop_table("shop_items")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(had,), models=TABLE)}, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", cwd=root)
    assert ran.code == 0, ran.err
    models = root / "services" / "shop" / "models.py"
    models.write_text(models.read_text().replace("start=7", "start=8"))
    (error,) = invoke("migrate.verify", "--format", "json", cwd=root).json["errors"]
    assert error["where"] == 'sequence public."Number"'
