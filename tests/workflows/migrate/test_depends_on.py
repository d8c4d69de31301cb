"""One branch that depends on another: Alembic keeps one row for both, so heads are more than rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.running import rows, versions
from tests.workflows.project import Project, project


def made(name: str, parent: str | tuple[str, ...], needs: str = "") -> Rev:
    head = f"depends_on = {needs!r}" if needs else ""
    down = f'op.execute("DROP TABLE shop_{name}")'
    return Rev(id=name, parent=parent, up=table(f"shop_{name}"), down=down, head=head)


BOTH = Svc(revisions=(made("a1", ()), made("b1", (), "a1")))


@pytest.fixture
def branches(tmp_path: Path, database: Address) -> Iterator[Project]:
    with project(tmp_path, database) as mine:
        build_monorepo(tmp_path, {"shop": BOTH}, url="${THE_URL}", extra={"project": database.database})
        (tmp_path / "services" / "shop" / "alembic" / "versions" / "a2.py").unlink()
        yield mine


def test_a_new_database_with_both_is_complete(branches: Project, database: Address) -> None:
    ran = branches.invoke("db.reset", "--yes")
    assert ran.code == 0, ran.err
    assert versions(database, "shop") == ["b1"]
    assert branches.invoke("db.prepare", "--format", "json").code == 0
    ran = branches.invoke("migrate.status", "--check", "--format", "json")
    assert (ran.code, ran.json["services"][0]["state"]) == (0, "at head")
    assert branches.invoke("migrate.roundtrip", "--all").code == 0


def test_down_and_up_again_row_by_row(branches: Project, database: Address) -> None:
    assert branches.invoke("migrate.apply").code == 0
    assert branches.invoke("migrate.rollback", "--service", "shop", "--yes").code == 0
    assert versions(database, "shop") == ["a1"], "what b1 depends on is applied still"
    assert branches.invoke("migrate.apply").code == 0
    assert branches.invoke("migrate.rollback", "--service", "shop", "--to", "base", "--yes").code == 0
    assert versions(database, "shop") == []
    assert rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'shop%'") == []


def test_a_stamp_of_all_heads_takes_none_of_them_away(branches: Project, database: Address) -> None:
    assert branches.invoke("migrate.apply").code == 0
    ran = branches.invoke("migrate.stamp", "--service", "shop", "--revision", "head")
    assert ran.code == 0, ran.err
    assert versions(database, "shop") == ["b1"]


def test_a_row_that_a_stamp_by_hand_left_stays(branches: Project, database: Address) -> None:
    assert branches.invoke("migrate.apply").code == 0
    with_both = "INSERT INTO alembic_version_shop VALUES ('a1') RETURNING 1"
    assert rows(database, with_both)
    home = branches.root / "services" / "shop"
    write_revision(home, made("b2", "b1"), None)
    ran = branches.invoke("migrate.apply")
    assert ran.code == 0, ran.err
    assert sorted(versions(database, "shop")) == ["a1", "b2"]
    write_revision(home, made("b3", "b2"), None)
    assert branches.invoke("migrate.apply").code == 0
    assert branches.invoke("migrate.rollback", "--service", "shop", "--to", "b1", "--yes").code == 0
    assert sorted(versions(database, "shop")) == ["a1", "b1"]
