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
