"""migrate.rebase: my unapplied revision goes on top of what somebody merged first, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import Failed
from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate.rebase import repointed
from tests.invoke import Ran, invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

MINE = '''\
# written by hand
"""add b to items

Revision ID: mine
Revises: s1
Create Date: 2026-11-22

Revises: nothing else
"""
import sqlalchemy as sa
from alembic import op

revision: str = 'mine'
down_revision: str | None = (
    's1'  # the first one
)
depends_on = None
Ä = "s1"


def upgrade():
    op.execute("ALTER TABLE shop_items ADD COLUMN IF NOT EXISTS b int")


def downgrade():
    op.execute("ALTER TABLE shop_items DROP COLUMN IF EXISTS b")
'''


class Shop:
    """Two heads: theirs is merged, mine is not."""

    def __init__(self, root: Path, address: Address) -> None:
        self.root = root
        build_monorepo(root, {"shop": Svc(revisions=(Rev(id="s1", up=table("shop_items")),))}, url=address.url())
        self.home = root / "services" / "shop"
        self.versions = self.home / "alembic" / "versions"
        write_revision(self.home, Rev(id="theirs", up=table("shop_theirs")), "s1")
        commit(root)
        self.mine = self.versions / "mine.py"
        self.mine.write_bytes(MINE.encode())

    def run(self, *words: str) -> Ran:
        return invoke(*words, "--service", "shop", cwd=self.root)

    def changed(self) -> str:
        return git(self.root, "status", "--porcelain", "--untracked-files=all")


@pytest.fixture
def shop(tmp_path: Path, database: Address) -> Shop:
    return Shop(tmp_path, database)


def test_only_down_revision_and_revises_change(shop: Shop) -> None:
    before = shop.changed()
    ran = shop.run("migrate.rebase")
    assert ran.code == 0, ran.err
    assert "mine revises theirs, not s1" in ran.out
    wanted = MINE.replace("Revises: s1\n", "Revises: theirs\n").replace("    's1'", "    'theirs'")
    assert shop.mine.read_bytes().decode() == wanted
    assert shop.changed() == before
    again = shop.run("migrate.rebase")
    assert (again.code, "one head: mine" in again.out) == (0, True)
    assert shop.run("migrate.apply").code == 0


def test_plan_writes_nothing(shop: Shop) -> None:
    ran = shop.run("migrate.rebase", "--dry-run")
    assert (ran.code, "mine would revise theirs, not s1" in ran.out) == (0, True)
    assert shop.mine.read_bytes().decode() == MINE


def test_several_revisions_of_mine_keep_their_order(shop: Shop) -> None:
    write_revision(shop.home, Rev(id="mine2", message="second of mine"), "mine")
    text = (shop.versions / "mine2.py").read_text()
    assert shop.run("migrate.rebase").code == 0
    assert (shop.versions / "mine2.py").read_text() == text
    assert shop.run("migrate.status").out.count("mine2") == 1


def test_an_applied_revision_is_refused(shop: Shop) -> None:
    theirs = (shop.versions / "theirs.py").rename(shop.root / "theirs.py")
    assert shop.run("migrate.apply").code == 0
    theirs.rename(shop.versions / "theirs.py")
    ran = shop.run("migrate.rebase")
    assert ran.code == 3
    assert ran.last.startswith("error[applied] ")
    assert "migrate.rollback --service shop --to s1" in ran.last
    assert shop.mine.read_bytes().decode() == MINE


def test_nothing_tells_whose_head_it_is(shop: Shop) -> None:
    commit(shop.root, "mine is on the default branch too")
    ran = shop.run("migrate.rebase")
    assert (ran.code, "error[whose_head]" in ran.last) == (3, True)
    assert shop.changed() == ""


def test_a_server_that_does_not_answer(shop: Shop) -> None:
    registry = shop.root / "services.yaml"
    registry.write_text(registry.read_text().replace(shop_port(registry), "1"))
    ran = shop.run("migrate.rebase")
    assert ran.code == 7
    assert shop.mine.read_bytes().decode() == MINE


def shop_port(registry: Path) -> str:
    """The port in the target's URL."""
    return registry.read_text().partition("@127.0.0.1:")[2].partition("/")[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'revision = "m"\ndown_revision = None\n', b'revision = "m"\ndown_revision = "t"\n'),
        (b"revision = 'm'\r\ndown_revision = None\r\n", b"revision = 'm'\r\ndown_revision = 't'\r\n"),
        (
            '"""é\n\nRevises:\n"""\nrevision = "m"\ndown_revision = ("ä",)\n'.encode(),
            '"""é\n\nRevises: t\n"""\nrevision = "m"\ndown_revision = "t"\n'.encode(),
        ),
    ],
)
def test_every_other_byte_stays(before: bytes, after: bytes) -> None:
    assert repointed(before, Path("m.py"), "t") == after


def test_a_file_that_would_not_say_it_is_left_alone() -> None:
    twice = b'revision = "m"\ndown_revision = "a"\ndown_revision = "b"\n'
    with pytest.raises(Failed):
        repointed(twice, Path("m.py"), "t")
