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


def test_one_id_with_another_content_is_not_at_head(tmp_path: Path, database: Address) -> None:
    """As on two release lines, or after an edit of what is applied."""

    def run(*words: str) -> Ran:
        return invoke(*words, cwd=tmp_path)

    build_monorepo(tmp_path, {"a": Svc(revisions=(rev("p", 0), rev("b", 2)))}, url=database.url())
    assert run("migrate.apply").code == 0
    assert "at head" in run("migrate.status").out
    home = tmp_path / "services" / "a"
    for edited, below, place in (("b", "p", 7), ("p", None, 8)):
        write_revision(home, rev(edited, place), below)
        status = run("migrate.status")
        assert (status.code, "at head" in status.out) == (6, False)
        assert "edited" in status.out
        assert f"what {edited} does now never ran here" in status.err
        again = run("migrate.apply")
        assert f"tampered: a: what {edited} does now never ran here" in again.out
        assert "at head" not in again.out
        write_revision(home, rev(edited, {"b": 2, "p": 0}[edited]), below)
        assert run("migrate.status", "--check").code == 0
    write_revision(home, rev("b", 7), "p")
    write_revision(home, rev("c", 3), "b")
    pending = run("migrate.status")
    assert pending.code == 6
    assert "edited" in pending.out
    back = run("migrate.rollback", "--service", "a")
    assert back.code == 1
    assert "its file is not what ran here, invoke migrate.log --service a --show b shows that" in back.err
    write_revision(home, rev("b", 2), "p")
    assert run("migrate.rollback", "--service", "a").code == 0
    assert run("migrate.status").code == 0
