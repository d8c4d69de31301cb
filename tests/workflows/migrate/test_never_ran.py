"""What was put below an applied revision never ran here, is told everywhere, and rollback and apply lead out."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.running import rows, versions


def rev(identifier: str, number: int) -> Rev:
    return Rev(id=identifier, up=table(f"a_{number}"), down=f'op.drop_table("a_{number}")')


@pytest.mark.parametrize("env", ["sync", "async", "outer"])
@pytest.mark.parametrize("below", [1, 0], ids=["on another", "as the base"])
def test_it_is_told_and_led_out_of(tmp_path: Path, database: Address, env: str, below: int) -> None:
    def run(*words: str) -> Ran:
        return invoke(*words, cwd=tmp_path)

    first = (rev("p", 0),) if below else ()
    build_monorepo(tmp_path, {"a": Svc(revisions=(*first, rev("b", 2), rev("c", 3)), env=env)}, url=database.url())
    assert run("migrate.apply").code == 0
    home = tmp_path / "services" / "a"
    write_revision(home, rev("new", 1), "p" if below else None)
    write_revision(home, rev("b", 2), "new")
    for words in (("migrate.status", "--check"), ("migrate.apply",), ("doctor",)):
        ran = run(*words)
        assert ran.code == 6, f"{words}: {ran.out}{ran.err}"
        assert "new never ran here" in ran.err, ran.err
    assert "tampered" not in run("doctor").out
    assert "at head" not in run("migrate.status").out
    # the last one does not lead out, and does not hide it either
    assert run("migrate.rollback", "--service", "a").code == 0
    assert versions(database, "a") == ["b"]
    assert run("migrate.status").code == 6
    assert run("migrate.rollback", "--service", "a").code == 0
    assert versions(database, "a") == (["p"] if below else [])
    assert run("migrate.apply").code == 0
    assert versions(database, "a") == ["c"]
    assert rows(database, "SELECT to_regclass('a_1')::text, to_regclass('a_3')::text") == [("a_1", "a_3")]
    assert run("migrate.status", "--check").code == 0
