"""Scripts go where a person wants them to, and say from where to where they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

THREE = tuple(Rev(id=f"a{n}", up=table(f"a_{n}"), down=f'op.drop_table("a_{n}")') for n in (1, 2, 3))


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    build_monorepo(tmp_path, {"a": Svc(revisions=THREE)}, url=database.url())
    return tmp_path


@pytest.mark.parametrize(
    ("words", "heading", "has", "has_not"),
    [
        (("--from", "a1", "--to", "a2"), "a1 -> a2, 1 revision", "CREATE TABLE a_2", "a_3"),
        (("--from", "base"), "base -> a3, 3 revisions", "CREATE TABLE a_1", "DROP"),
        (("--from", "a3", "--to", "a1"), "a3 -> a1, 2 revisions", "DROP TABLE a_2", "DROP TABLE a_1"),
        (("--from", "head", "--to", "base"), "a3 -> base, 3 revisions", "DROP TABLE a_1", "CREATE TABLE a_"),
        (("--from", "a2", "--down"), "a2 -> a1, 1 revision", "DROP TABLE a_2", "DROP TABLE a_1"),
        (("--from", "a2", "--to", "a2"), "nothing is pending", "", "TABLE"),
        (("--down",), "nothing is to revert", "", "TABLE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_script_goes_up_and_down(root: Path, words: tuple[str, ...], heading: str, has: str, has_not: str) -> None:
    ran = invoke("migrate.sql", "--service", "a", *words, cwd=root)
    assert ran.code == 0, ran.err
    assert heading in ran.out.splitlines()[1]
    assert has in ran.out
    assert has_not not in ran.out


def test_down_starts_where_the_database_is(root: Path) -> None:
    invoke("migrate.apply", cwd=root)
    assert "a3 -> a2, 1 revision" in invoke("migrate.sql", "--service", "a", "--down", cwd=root).out
    assert "a3 -> base, 3" in invoke("migrate.sql", "--service", "a", "--down", "--to", "base", cwd=root).out


def test_from_needs_no_server(root: Path) -> None:
    services = root / "services.yaml"
    services.write_text(services.read_text().replace("127.0.0.1", "127.0.0.9"))
    assert invoke("migrate.sql", "--service", "a", "--from", "base", cwd=root).code == 0


BATCH = """\
with op.batch_alter_table("a_1") as batch:
    batch.add_column(sa.Column("more", sa.Integer))
    batch.create_index("a_1_more", ["more"])
if op.get_bind().engine.name == "postgresql":
    op.execute("COMMENT ON TABLE a_1 IS 'one'")
"""


def test_a_batch_is_rendered(tmp_path: Path, database: Address) -> None:
    """Alembic opens a transaction for it on a connection that has none; that was taken for a read."""
    services = {"a": Svc(revisions=(THREE[0], Rev(id="b2", up=BATCH, down='op.drop_column("a_1", "more")')))}
    build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.sql", "--service", "a", "--prove", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "ALTER TABLE a_1 ADD COLUMN more INTEGER" in ran.out
    assert "COMMENT ON TABLE a_1 IS 'one'" in ran.out
    lint = invoke("migrate.lint", "--all", cwd=tmp_path)
    assert "not looked for" not in lint.out
    assert "require-concurrent-index-creation" in lint.out
