"""What a revision's text says it executes is what its worker renders, or it is left to the worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.lint.literal_sql import written_sql
from aegisdb.lint.rendered_sql import Rendering
from aegisdb.lint.rule import read_file
from aegisdb.lint.statements import statements
from tests.lint.judging import context_of
from tests.monorepo import Rev, Svc, build_monorepo

WRITTEN = {
    "one": 'op.execute("CREATE TABLE shop_items (a int)")',
    "several": 'op.execute("CREATE TABLE shop_items (a int);\\n\\tSELECT 1; ")\nop.execute("SELECT 2")',
    "casts, times and percent": "op.execute(\"SELECT '12:30:00'::time, 'a%b%%', 7 % 2, '{}'::text[]\")",
    "transactions of its own": 'op.execute("COMMIT")\nop.execute("SELECT 1")\nop.execute("BEGIN")',
    "bodies": 'op.execute("CREATE FUNCTION shop_f() RETURNS int AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql")',
    "nothing": "pass",
}
RENDERED = {
    "an operation": 'op.drop_table("shop_items")',
    "a parameter": 'op.execute("SELECT :a")',
    "an escaped colon": "op.execute(\"SELECT '\\\\:a'\")",
    "a formatted text": 'op.execute(f"SELECT {1 + 1}")',
    "a block": 'with op.get_context().autocommit_block():\n    op.execute("SELECT 1")',
    "a condition": 'if True:\n    op.execute("SELECT 1")',
    "another object": 'op.get_bind().execute("SELECT 1")',
    "options": 'op.execute("SELECT 1", execution_options={})',
}


@pytest.mark.child
@pytest.mark.parametrize("up", WRITTEN.values(), ids=WRITTEN)
def test_it_is_what_the_worker_renders(tmp_path: Path, up: str) -> None:
    first = Rev(id="s1", up="op.execute('SELECT 1')")
    build_monorepo(tmp_path, {"shop": Svc(revisions=(first, Rev(id="s2", up=up)))})
    context = context_of(tmp_path)
    revision = context.good()["shop"].revisions["s2"]
    with Rendering(context) as rendering:
        (rendered,) = rendering.render({"shop": [revision]})
    written = written_sql(read_file(context, "shop", revision))
    assert written is not None
    versions = "UPDATE alembic_version_shop SET version_num='s2'"
    said = [s.text for s in statements(rendered.scripts[revision]) if not s.text.startswith(versions)]
    assert [s.text for s in statements(written)] == [text.split("-> s2\n\n")[-1] for text in said]


@pytest.mark.parametrize("up", RENDERED.values(), ids=RENDERED)
def test_what_has_to_run_to_be_known(tmp_path: Path, up: str) -> None:
    assert _written(tmp_path, up) is None


def test_a_name_for_a_text(tmp_path: Path) -> None:
    assert "SELECT 7;" in (_written(tmp_path, "op.execute(SQL)", head='SQL = "SELECT 7"') or "")
    assert _written(tmp_path, "op.execute(SQL)", head='SQL = "SELECT 7"\nSQL = "SELECT 8"') is None
    assert _written(tmp_path, "op.execute(SQL)", head='SQL = "SELECT 7"\ndef SQL(): pass') is None
    assert _written(tmp_path, "op.execute(SQL)", head="SQL = 7") is None


@pytest.mark.parametrize(
    "head", ["import models", "from . import op", "print()", "op = 'x'", "import os.path", "for a in (): pass"]
)
def test_a_file_that_does_something_when_it_is_imported(tmp_path: Path, head: str) -> None:
    assert _written(tmp_path, 'op.execute("SELECT 1")', head=head) is None


def _written(root: Path, up: str, *, head: str = "") -> str | None:
    build_monorepo(root, {"shop": Svc(revisions=(Rev(id="s1", up=up, head=head),))})
    context = context_of(root)
    return written_sql(read_file(context, "shop", context.good()["shop"].revisions["s1"]))
