"""applied-file-changed: against git and against the journal, driven as typed commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

RULE = "applied-file-changed"
NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/nothing"


def make(root: Path, url: str = NOWHERE) -> Path:
    first = Rev(
        id="s1",
        message="create items of the shop",
        up=table("IF NOT EXISTS shop_items"),
        down='op.execute("DROP TABLE IF EXISTS shop_items")',
    )
    build_monorepo(root, {"shop": Svc(revisions=(first,))}, url=url)
    commit(root)
    return root / "services" / "shop" / "alembic" / "versions" / "s1.py"


def lint(root: Path, *flags: str) -> Ran:
    return invoke("migrate.lint", *flags, cwd=root)


def findings(root: Path, *flags: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lint(root, "--format", "json", *flags).json["result"]["findings"]
    return [finding for finding in found if finding["rule"] == RULE]


def test_the_code_of_a_committed_file_is_changed(tmp_path: Path) -> None:
    file = make(tmp_path)
    file.write_text(file.read_text().replace("bigint", "integer"))
    ran = lint(tmp_path)
    assert ran.code == 6
    assert ran.last.startswith("error[lint] services/shop/alembic/versions/s1.py:6: applied-file-changed: ")
    assert lint(tmp_path, "--since", "HEAD").code == 6


def test_a_comment_or_the_message_may_change(tmp_path: Path) -> None:
    file = make(tmp_path)
    file.write_text(file.read_text().replace('"""create', '"""really create') + "# it is so\n")
    ran = lint(tmp_path)
    assert (ran.code, "1 revision " in ran.out) == (0, True)


def test_a_file_of_the_default_branch_is_gone(tmp_path: Path) -> None:
    make(tmp_path).unlink()
    (finding,) = findings(tmp_path)
    assert finding["path"] == "services/shop/alembic/versions/s1.py"
    assert "is gone" in finding["message"]


def test_a_file_may_get_another_name(tmp_path: Path) -> None:
    file = make(tmp_path)
    file.rename(file.with_name("s1_create_items.py"))
    assert findings(tmp_path) == []


def test_what_is_new_on_a_branch_may_change_there(tmp_path: Path) -> None:
    make(tmp_path)
    git(tmp_path, "switch", "-q", "-c", "mine")
    home = tmp_path / "services" / "shop"
    change = 'op.execute("ALTER TABLE shop_items ADD COLUMN IF NOT EXISTS a int")'
    undo = 'op.execute("ALTER TABLE shop_items DROP COLUMN IF EXISTS a")'
    file = write_revision(home, Rev(id="s2", message="add a to items", up=change, down=undo), "s1")
    commit(tmp_path)
    file.write_text(file.read_text().replace(" int", " text"))
    ran = lint(tmp_path)
    assert (ran.code, "1 revision " in ran.out) == (0, True), ran.out + ran.err


@pytest.mark.parametrize("flags", [(), ("--all",)])
def test_what_this_database_has_applied_with_another_text(
    tmp_path: Path, database: Address, flags: tuple[str, ...]
) -> None:
    file = make(tmp_path, database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    git(tmp_path, "branch", "-m", "mine")  # no default branch: only the journal knows
    file.write_text(file.read_text().replace("bigint", "integer"))
    assert findings(tmp_path, *flags) == []  # nobody asked for a server
    (finding,) = findings(tmp_path, "--target", "local", *flags)
    assert "applied to this database" in finding["message"]
    assert "migrate.rollback --service shop" in finding["fix"]
