"""`aegisdb init` and `aegisdb explain`, typed in trees that have no registry; the command needs no tasks.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.invoke import Ran, started

COMPOSE = """
services:
  cache: {image: redis:7}
  db:
    image: pgvector/pgvector:pg17
    environment:
      POSTGRES_USER: ${DB_USER-shopkeeper}
      POSTGRES_PASSWORD: ${DB_PASSWORD:?set it}
      POSTGRES_DB: shop
    volumes:
      - data:/var/lib/postgresql/data
      - ./sql/init:/docker-entrypoint-initdb.d:ro
  reports: {image: "postgres:17"}
"""
REVISION = '''"""create {table}"""
from alembic import op
import sqlalchemy as sa

revision = "{table}1"
down_revision = None


def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("CREATE TABLE {table}_log (id int)")


def downgrade():
    op.drop_table("{table}_log")
    op.drop_table("{table}")
'''


def aegisdb(root: Path, *words: str, **env: str) -> Ran:
    return started([sys.executable, "-m", "aegisdb.tasks", *words], root, env)


def history(home: Path, template: str = "generic") -> Path:
    """A history as plain `alembic init` makes it, with one revision."""
    home.mkdir(parents=True)
    argv = [sys.executable, "-m", "alembic", "init", "-t", template, "alembic"]
    subprocess.run(argv, cwd=home, capture_output=True, check=True)
    (home / "alembic" / "versions" / "1.py").write_text(REVISION.format(table=home.name))
    return home


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_two_plain_histories_are_registered_apart_and_once(tmp_path: Path) -> None:
    history(tmp_path / "services" / "orders")
    history(tmp_path / "services" / "billing")
    before = files(tmp_path)
    dry = aegisdb(tmp_path, "init", "--dry-run", "--format", "json")
    assert dry.code == 0, dry.err
    assert files(tmp_path) == before
    assert {one["service"]: one["tables"] for one in dry.json["services"]} == {
        "billing": ["billing", "billing_log"],
        "orders": ["orders", "orders_log"],
    }
    ran = aegisdb(tmp_path, "init")
    assert ran.code == 0, ran.err
    assert (tmp_path / "services.yaml").read_text() == dry.json["result"]["text"]
    assert "orders is given the schema orders" in " ".join(ran.out.split())
    assert aegisdb(tmp_path, "service.list").code == 0
    before = files(tmp_path)
    again = aegisdb(tmp_path, "init")
    assert "nothing to write" in again.out
    assert files(tmp_path) == before


def test_an_environment_of_its_own_is_told(tmp_path: Path) -> None:
    python = history(tmp_path / "reports") / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    history(tmp_path / "plain")
    ran = aegisdb(tmp_path, "init")
    assert ran.code == 0, ran.err
    said = " ".join(ran.out.split())
    assert "look at: reports: it has an environment of its own and was read in this one" in said
    assert "`runner: [.venv/bin/python]` of reports is that" in said
    assert "plain: it has an environment" not in said


def test_one_plain_history_stays_in_public_and_owns_what_it_creates(tmp_path: Path) -> None:
    history(tmp_path / "shop")
    assert aegisdb(tmp_path, "init").code == 0
    text = (tmp_path / "services.yaml").read_text()
    assert "owns: [shop, shop_log]" in text
    assert "schema:" not in text


def test_a_new_history_is_added_to_the_registry_that_is_there(tmp_path: Path) -> None:
    history(tmp_path / "shop")
    aegisdb(tmp_path, "init")
    before = (tmp_path / "services.yaml").read_text()
    history(tmp_path / "stock")
    assert aegisdb(tmp_path / "stock", "init").code == 0
    assert (tmp_path / "services.yaml").read_text().startswith(before)
    assert "schema: stock" in (tmp_path / "services.yaml").read_text()


def test_compose_init_sql_and_dotenv_are_found(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "sql" / "init").mkdir(parents=True)
    (tmp_path / "sql" / "init" / "2.sql").write_text("-- CREATE EXTENSION hstore\nSELECT create_graph('oilgas');\n")
    (tmp_path / "sql" / "init" / "1.sql").write_text('CREATE EXTENSION IF NOT EXISTS "uuid-ossp";\n\\connect shop\n')
    (tmp_path / "sql" / "init" / "3.sh").write_text("true\n")
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://me:s3cret@db.example:5432/shop\n")
    ran = aegisdb(tmp_path, "init")
    assert ran.code == 0, ran.err
    text = (tmp_path / "services.yaml").read_text()
    assert "s3cret" not in text + ran.out + ran.err
    for line in (
        "  compose: {server: compose, file: compose.yaml, service: db}",
        '  dotenv: {url: "${DATABASE_URL}"}',
        "  name: shop",
        '  user: "${DB_USER:-shopkeeper}"',
        '  password: "${DB_PASSWORD}"',
        "  extensions: [uuid-ossp]",
        "  graphs: [oilgas]",
        "  init: [sql/init/1.sql, sql/init/2.sql]",
    ):
        assert line in text
    said = " ".join(ran.out.split())
    assert "1.sql uses \\connect" in said
    assert "3.sh of compose.yaml is no SQL file" in said
    assert "reports of compose.yaml is a PostgreSQL too" in said
    assert "dotenv is the DATABASE_URL of .env, and without --target commands work on it, not on" in said
    assert "next: aegisdb db.prepare (on the DATABASE_URL of .env, or --target NAME)" in said
    assert aegisdb(tmp_path, "service.list").code == 0


def test_the_layout_of_init_t_pyproject_is_registered(tmp_path: Path) -> None:
    history(tmp_path / "reports", "pyproject")
    ran = aegisdb(tmp_path, "init")
    assert ran.code == 0, ran.err
    assert "config: alembic.ini" in (tmp_path / "services.yaml").read_text()


def test_what_cannot_be_read_is_told_and_the_others_are_registered(tmp_path: Path) -> None:
    history(tmp_path / "good")
    broken = history(tmp_path / "broken")
    (broken / "alembic" / "env.py").write_text("raise RuntimeError('no such luck')\n")
    ran = aegisdb(tmp_path, "init")
    assert ran.code == 1
    assert "broken is not registered: env.py of broken does not run: RuntimeError: no such luck" in ran.last
    assert "requirements" not in ran.last
    assert "path: good" in (tmp_path / "services.yaml").read_text()
    again = aegisdb(tmp_path, "init")
    assert again.code == 1
    assert "every history" not in again.out


def test_a_tree_without_a_history_is_told_so(tmp_path: Path) -> None:
    for _ in range(2):
        ran = aegisdb(tmp_path, "init")
        assert ran.code == 0, ran.err
        assert "there is no Alembic history here" in ran.out
        assert "every history" not in ran.out


def test_tasks_of_somebody_else_stay(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("# mine\n")
    ran = aegisdb(tmp_path, "init")
    assert (tmp_path / "tasks.py").read_text() == "# mine\n"
    assert "add `ns.add_collection(aegisdb.tasks.ns" in " ".join(ran.out.split())


def test_installed_packages_and_hidden_folders_are_not_looked_at(tmp_path: Path) -> None:
    for folder in (".venv/lib", "node_modules/x", "lib/python3/site-packages/y"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "alembic.ini").write_text("[alembic]\n")
    ran = aegisdb(tmp_path, "init", "--dry-run", "--format", "json")
    assert (ran.code, ran.json.get("services", [])) == (0, [])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("half_applied", "Exit code 5."),
        ("several-heads", "# several-heads"),
        ("safety", "#"),
        ("services.yaml", "## Keys"),
        ("lint", "| rule |"),
        ("schema", '"$schema"'),
    ],
)
def test_codes_rules_and_pages_are_explained(tmp_path: Path, code: str, told: str) -> None:
    ran = aegisdb(tmp_path, "explain", code)
    assert (ran.code, ran.err) == (0, "")
    assert told in ran.out


def test_a_code_that_is_not_there_is_2(tmp_path: Path) -> None:
    ran = aegisdb(tmp_path, "explain", "hlaf_applied")
    assert ran.code == 2
    assert "did you mean half_applied" in ran.last


def test_the_command_needs_no_tasks_file_and_names_itself(tmp_path: Path) -> None:
    ran = aegisdb(tmp_path, "migrate.status")
    assert ran.code == 2
    assert "`aegisdb init`" in ran.last
    assert "migrate.status" in aegisdb(tmp_path, "--list").out
    assert "dev." not in aegisdb(tmp_path, "--list").out
    assert "aegisdb" in aegisdb(tmp_path, "--version").out
    ran = aegisdb(tmp_path, "migrate.rollback")
    assert "aegisdb --help migrate.rollback" in ran.last
    assert aegisdb(tmp_path, "--complete", "--", "aegisdb explain").out.count("migrate.status") == 1
