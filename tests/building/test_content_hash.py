"""Which level is another one after an edit of which file."""

from __future__ import annotations

import os
import time

import pytest

from aegisdb.building.content_hash import level_hashes
from aegisdb.workspace import open_workspace
from tests.workflows.project import Project

EVERY = ("base", "histories", "seeds")
SERVICE = "services/shop"
VERSIONS = f"{SERVICE}/alembic/versions"
BESIDE = ("alembic/versions/rows.sql", "alembic/versions/deep/rows.sql", "alembic/versions/__init__.py")


@pytest.fixture
def shop(shop: Project) -> Project:
    revision = shop.root / VERSIONS / "a2.py"
    revision.write_text(revision.read_text().replace("from alembic", "import money, prices\nfrom alembic", 1))
    for name in ("money.py", "unused.py", "prices/__init__.py", "prices/table.py", *BESIDE):
        (path := shop.root / SERVICE / name).parent.mkdir(exist_ok=True)
        path.write_text("# nothing yet\n")
    (shop.root / SERVICE / "prices" / "gone").symlink_to("nowhere")
    os.mkfifo(shop.root / SERVICE / "prices" / "pipe")
    return shop


def _hashes(shop: Project) -> dict[str, str]:
    ws = open_workspace(cwd=shop.root, environ=shop.env)
    with ws.connect() as conn:
        return {str(level): digest for level, digest in level_hashes(ws, conn, "seeds").items()}


def _changed(shop: Project, name: str, old: str, new: str) -> tuple[str, ...]:
    before = _hashes(shop)
    path = shop.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    after = _hashes(shop)
    return tuple(level for level in EVERY if after[level] != before[level])


@pytest.mark.parametrize(
    ("name", "old", "new", "levels"),
    [
        ("sql/base.sql", "fresh", "stale", EVERY),
        (f"{VERSIONS}/a2.py", "ADD price int", "ADD price bigint", EVERY[1:]),
        (f"{VERSIONS}/a2.py", "import money", "import unused, money", EVERY[1:]),
        *((f"{SERVICE}/{name}", "nothing", "something", EVERY[1:]) for name in BESIDE),
        (f"{SERVICE}/alembic/env.py", "import", "# edited\nimport", EVERY[1:]),
        (f"{SERVICE}/money.py", "nothing", "something", EVERY[1:]),
        (f"{SERVICE}/prices/table.py", "nothing", "something", EVERY[1:]),
        (f"{SERVICE}/seed.sql", "10", "11", EVERY[2:]),
        (f"{SERVICE}/unused.py", "nothing", "something", ()),
        (f"{VERSIONS}/a2.py", "import money", "# a remark\nimport money", ()),
    ],
)
def test_an_edit_changes_these_levels(shop: Project, name: str, old: str, new: str, levels: tuple[str, ...]) -> None:
    assert _changed(shop, name, old, new) == levels


@pytest.mark.parametrize("name", BESIDE)
def test_what_lies_beside_revisions_in_directories_of_directories_counts(shop: Project, name: str) -> None:
    ini = shop.root / SERVICE / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]\n", "[alembic]\nrecursive_version_locations = true\n", 1))
    assert _changed(shop, f"{SERVICE}/{name}", "nothing", "something") == EVERY[1:]


def test_what_is_kept_of_a_scan_is_what_a_scan_says(shop: Project) -> None:
    past = time.time() - 60  # what changed just now is not kept
    for path in (shop.root / VERSIONS).glob("*.py"):
        os.utime(path, (past, past))
    assert _hashes(shop) == _hashes(shop)
    assert _changed(shop, f"{SERVICE}/money.py", "nothing", "something") == EVERY[1:]
