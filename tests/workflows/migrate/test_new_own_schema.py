"""`migrate.new` where the models name the schema of `schema:` themselves, as env.py's own filters do."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo

FILTERS = {
    "include_name": """
def include_name(name, kind, parents):
    if kind == "schema":
        return name == "bill"  # as Alembic's cookbook has it
    return parents["schema_name"] == "bill" and parents.get("schema_qualified_table_name", "bill.").startswith("bill.")
""",
    "include_object": """
def include_object(item, name, kind, reflected, other):
    return kind != "table" or item.schema == "bill"
""",
}
MODELS = """
    Base.metadata.schema = "bill"


    class Invoice(Base):
        __tablename__ = "invoices"
        id: Mapped[int] = mapped_column(primary_key=True)


    class Line(Base):
        __tablename__ = "lines"
        id: Mapped[int] = mapped_column(primary_key=True)
"""
UP = "\n".join(
    f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True), schema="bill")'
    for name in ("invoices", "lines")
)
DOWN = 'op.drop_table("lines", schema="bill")\nop.drop_table("invoices", schema="bill")'


@pytest.mark.parametrize("name", FILTERS)
def test_filters_of_env_py_that_name_the_schema_see_what_is_there(name: str, database: Address, tmp_path: Path) -> None:
    env = SYNC.replace("def migrate(", f"{FILTERS[name]}\n\ndef migrate(")
    env = env.replace("target_metadata=models", f"include_schemas=True, {name}={name}, target_metadata=models")
    service = Svc(revisions=(Rev(id="b1", up=UP, down=DOWN),), models=MODELS, env=env, schema="bill", owns=())
    root = build_monorepo(tmp_path, {"billing": service}, url=database.url())
    models = root / "services" / "billing" / "models.py"
    said = invoke("migrate.new", "--service", "billing", "-m", "change nothing", cwd=root)
    assert (said.code, "models and history agree (2 tables" in said.out) == (0, True), said.out + said.err
    kept, _, _ = models.read_text().partition("class Line")
    models.write_text(kept.replace("primary_key=True)\n", "primary_key=True)\n    memo: Mapped[str | None]\n", 1))
    ran = invoke("migrate.new", "--service", "billing", "-m", "memo", "--allow-drop", cwd=root)
    assert ran.code == 0, ran.out + ran.err
    assert "add column bill.invoices.memo" in ran.out
    assert "drop table bill.lines" in ran.out
    file = next((root / "services/billing/alembic/versions").glob("*_memo.py"))
    assert file.read_text().count("schema='bill'") == 4  # plain Alembic has no search path of ours
