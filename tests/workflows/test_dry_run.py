"""`--dry-run` of what writes: it says what would be done, and nothing is."""

from __future__ import annotations

import hashlib

import pytest

from aegisdb.postgres.connection import connect
from tests.workflows.project import Project


@pytest.fixture
def shop(shop: Project) -> Project:
    shop.write("first")
    return shop


def files(shop: Project) -> dict[str, str]:
    """Every file of the project outside of local state, by its hash."""
    paths = [path for path in shop.root.rglob("*") if path.is_file() and ".aegisdb" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.suffix != ".pyc"}


def rows(shop: Project) -> list[str]:
    """Databases, tables and what the version table says."""
    with connect(shop.address) as conn:
        tables = conn.rows(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'aegisdb') ORDER BY 1"
        )
        there = conn.value("SELECT to_regclass('alembic_version_shop')")
        at = conn.rows("SELECT version_num FROM alembic_version_shop") if there else []
    return [*sorted(name for name in shop.databases() if "__tpl_" not in name), *(str(row) for row in (*tables, *at))]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("db.reset",), "would keep database"),
        (("db.prepare",), "would apply a1 of shop"),
        (("migrate.apply",), "a2"),
        (("migrate.new", "--service", "shop", "-m", "x", "--empty"), "would write a revision"),
        (("migrate.stamp", "--service", "shop", "--revision", "a1", "--force"), "would be base -> a1"),
        (("migrate.resolve", "--service", "shop", "--applied"), "nothing is half-applied"),
        (("seed.run",), "seed.sql"),
        (("deploy.apply",), ""),
    ],
)
def test_a_plan_changes_nothing(shop: Project, words: tuple[str, ...], said: str) -> None:
    before, written = rows(shop), files(shop)
    ran = shop.invoke(*words, "--dry-run")
    assert ran.code in (0, 2), ran.err  # 2: there are no deploy files
    assert said in ran.out + ran.err
    assert (rows(shop), files(shop)) == (before, written)


def test_the_plan_of_a_revision_names_its_operations(shop: Project) -> None:
    models = shop.root / "services" / "shop" / "models.py"
    models.write_text(
        models.read_text() + "\n\nclass Item(Base):\n    __tablename__ = 'shop_items'\n"
        "    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)\n"
        "    price: Mapped[int | None]\n"
        "    colour: Mapped[str | None]\n"
    )
    written = files(shop)
    planned = shop.invoke("migrate.new", "--service", "shop", "-m", "x", "--dry-run", "--format", "json").json
    assert planned["ok"], planned
    assert any("colour" in operation for operation in planned["result"]["operations"])
    assert files(shop) == written


def test_the_plan_of_down_stops_nothing(shop: Project) -> None:
    assert shop.invoke("db.down", "--dry-run").code == 3  # a URL's server is not ours to stop
    assert shop.text() == "first"


@pytest.mark.parametrize("task", ["migrate.verify", "migrate.roundtrip", "migrate.status", "migrate.history"])
def test_a_mistyped_service_is_told_alike_everywhere(shop: Project, task: str) -> None:
    ran = shop.invoke(task, "--service", "shpo")
    assert ran.code == 2
    assert "error[unknown_service] no service is called 'shpo' → did you mean shop?" in ran.last
