"""unsafe-ddl: squawk on the revision's own SQL, driven as typed commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aegisdb.lint import squawk
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

RULE = "unsafe-ddl"
FIRST = Rev(
    id="s1",
    message="create items of the shop",
    up=table("IF NOT EXISTS shop_items", "a int"),
    down='op.execute("DROP TABLE IF EXISTS shop_items")',
)
INDEX = 'op.create_index("i", "shop_items", ["a"])'
DROP = 'op.drop_index("i", "shop_items")'


def findings(root: Path, up: str, down: str = DROP, *, env: str = "sync") -> list[dict[str, Any]]:
    second = Rev(id="s2", message="index items by a", up=up, down=down)
    build_monorepo(root, {"shop": Svc(revisions=(FIRST, second), env=env)})
    document = invoke("migrate.lint", "--all", "--format", "json", cwd=root).json
    assert document["result"]["notes"] == []
    return [finding for finding in document["result"]["findings"] if finding["rule"] == RULE]


def test_an_index_that_stops_writers(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, f"pass\n{INDEX}")
    assert finding["message"].startswith("require-concurrent-index-creation: ")
    line = (tmp_path / finding["path"]).read_text().splitlines()[finding["line"] - 1]
    assert line.strip() == INDEX


@pytest.mark.parametrize("env", ["sync", "outer"])
def test_an_index_of_a_new_table_stops_nobody(tmp_path: Path, env: str) -> None:
    up = f'op.create_table("shop_more", sa.Column("a", sa.Integer))\n{INDEX.replace("items", "more")}'
    assert findings(tmp_path, up, 'op.drop_table("shop_more")', env=env) == []


def test_an_index_that_is_built_concurrently(tmp_path: Path) -> None:
    block = "with op.get_context().autocommit_block():\n    "
    up = block + INDEX.replace("])", "], postgresql_concurrently=True)")
    assert findings(tmp_path, up, block + DROP.replace('")', '", postgresql_concurrently=True)')) == []


def test_an_ignore_with_a_reason(tmp_path: Path) -> None:
    assert findings(tmp_path, f"{INDEX}  # aegisdb: ignore[unsafe-ddl] a few dozen rows") == []


def test_raw_sql_is_found_at_its_own_call(tmp_path: Path) -> None:
    drop = 'op.execute("ALTER TABLE shop_items DROP COLUMN IF EXISTS a")'
    (finding,) = findings(tmp_path, f'op.execute("SELECT 1")\n{drop}', "op.execute('SELECT 1')")
    line = (tmp_path / finding["path"]).read_text().splitlines()[finding["line"] - 1]
    assert line.strip() == drop


def test_what_reads_data_is_named(tmp_path: Path) -> None:
    up = "op.execute(f\"UPDATE shop_items SET a = {op.get_bind().scalar(sa.text('SELECT 1'))}\")"
    second = Rev(id="s2", message="fill a of items", up=up, down="op.execute('SELECT 1')")
    build_monorepo(tmp_path, {"shop": Svc(revisions=(FIRST, second))})
    ran = invoke("migrate.lint", "--all", cwd=tmp_path)
    assert ran.code == 0
    (note,) = [line for line in ran.out.splitlines() if line.startswith("unsafe DDL was not looked for")]
    assert "services/shop/alembic/versions/s2.py: " in note
    assert "reads the database" in note


def test_an_env_py_that_connects_all_the_same_reaches_no_server_on_the_usual_port(tmp_path: Path) -> None:
    second = Rev(id="s2", message="index items by a", up=INDEX, down=DROP)
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(FIRST, second))})
    (root / "services/shop/alembic/env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine\n"
        'with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:\n'
        "    context.configure(connection=connection)\n    context.run_migrations()\n"
    )
    ran = invoke("migrate.lint", "--all", cwd=root)
    (note,) = [line for line in ran.out.splitlines() if line.startswith("unsafe DDL was not looked for")]
    assert "port 1 failed" in note


def test_without_squawk_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squawk.sys, "executable", str(tmp_path / "python"))  # type: ignore[attr-defined]
    monkeypatch.setenv("PATH", os.devnull)
    from tests.lint.judging import context_of

    build_monorepo(tmp_path, {"shop": Svc(revisions=(FIRST,))})
    context = context_of(tmp_path)
    found, notes = squawk.squawk(context, [("shop", context.good()["shop"].revisions["s1"])])
    assert found == ()
    assert notes == ("unsafe DDL was not looked for: squawk is not installed (pip install 'aegisdb[lint]')",)
