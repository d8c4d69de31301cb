"""Where `migrate.new` puts a revision of a history with several folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision


@pytest.mark.parametrize("recursive", [False, True])
def test_a_first_revision_and_the_next_have_a_place(database: Address, tmp_path: Path, *, recursive: bool) -> None:
    root = build_monorepo(tmp_path, {"many": Svc(owns=())}, url=database.url())
    ini = root / "services/many/alembic.ini"
    lines = "version_locations = %(here)s/alembic/versions:%(here)s/one\n"
    if recursive:
        lines += "recursive_version_locations = true\nfile_template = %%(year)d/%%(rev)s\n"
    ini.write_text(ini.read_text().replace("[alembic]\n", f"[alembic]\n{lines}"))
    (root / "services/many/one").mkdir()
    folder = root / "services/many/alembic/versions"
    for count in (1, 2):
        ran = invoke("migrate.new", "--service", "many", "--empty", "-m", f"step {count}", cwd=root)
        assert ran.code == 0, ran.err
        assert len(list(folder.glob("*/*.py" if recursive else "*.py"))) == count
    assert invoke("migrate.apply", cwd=root).code == 0


def test_a_history_that_had_no_revision_when_it_was_released_has_a_released_state(
    database: Address, tmp_path: Path
) -> None:
    """Git keeps no empty folder, so the merge base lacks it."""
    root = build_monorepo(tmp_path, {"young": Svc(owns=("young_t",))}, url=database.url())
    commit(root, "released")
    git(root, "switch", "-q", "-c", "feature")
    write_revision(root / "services" / "young", Rev(id="y1", up=table("young_t")), None)
    ran = invoke("migrate.compat", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err


def test_no_file_of_a_revision_is_written_over(database: Address, tmp_path: Path) -> None:
    """Alembic does where `file_template` lacks the revision: the history would lose its parent."""
    root = build_monorepo(tmp_path, {"slug": Svc(owns=())}, url=database.url())
    ini = root / "services/slug/alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]\n", "[alembic]\nfile_template = %%(slug)s\n"))
    words = ("migrate.new", "--service", "slug", "--empty", "-m", "one name")
    assert invoke(*words, cwd=root).code == 0
    file = root / "services/slug/alembic/versions/one_name.py"
    before = file.read_text()
    ran = invoke(*words, cwd=root)
    assert (ran.code, file.read_text()) == (2, before), ran.err
    assert "error[exists]" in ran.err
    assert str(file) in ran.err
