"""Revisions that make what no copy of a database has: a reset has it, proofs leave nothing, references know of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.replacement import label
from aegisdb.postgres.uncopied import uncopied
from tests.monorepo import Rev, write_revision
from tests.postgres.test_uncopied import live, replicating
from tests.running import eventually
from tests.workflows.project import Project, project

__all__ = ["live", "replicating"]

_SUBSCRIPTION = Rev(
    id="a3",
    up="""op.execute("CREATE SUBSCRIPTION s CONNECTION 'port=1' PUBLICATION p WITH (connect = false)")""",
    down='op.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")\nop.execute("DROP SUBSCRIPTION s")',
)
_SLOT = Rev(
    id="a3",
    up="""with op.get_context().autocommit_block():
    op.execute("SELECT pg_create_logical_replication_slot('a_slot', 'pgoutput')")""",
    down="""op.execute("SELECT pg_drop_replication_slot('a_slot')")""",
)
_PREPARED = Rev(
    id="a3",
    up="""with op.get_context().autocommit_block():
    op.execute("BEGIN")
    op.execute("CREATE TABLE shop_half (id int)")
    op.execute("PREPARE TRANSACTION 'half done'")""",
)


@pytest.fixture
def shop(tmp_path: Path, live: Address) -> Iterator[Project]:
    with project(tmp_path, live) as made:
        yield made


def _add(shop: Project, revision: Rev) -> None:
    write_revision(shop.root / "services/shop", revision, "a2")


def _uncopied(address: Address) -> dict[str, list[str]]:
    """By database, what the server has of that."""
    with databases.maintenance(address) as conn:
        names = [name for (name,) in conn.rows("SELECT datname FROM pg_database")]
        return {name: [str(one) for one in found] for name in names if (found := uncopied(conn, name))}


def _scratch(shop: Project) -> set[str]:
    return {name for name in shop.databases() if "__scratch_" in name}


def test_a_reset_has_the_subscriptions_and_verify_looks_for_them(shop: Project) -> None:
    _add(shop, _SUBSCRIPTION)
    live, kept = shop.address.database, f"{shop.address.database}__snap_before-reset"
    for command in (("db.reset",), ("db.reset", "--no-seed"), ("db.reset",), ("db.reset", "--no-cache"), ("db.reset",)):
        ran = shop.invoke(*command)
        assert ran.code == 0, ran.err
        assert _uncopied(shop.address).pop(live) == ["subscription s"]
    assert set(_uncopied(shop.address)) == {live, kept}  # templates have none
    assert "subscription" not in (ran := shop.invoke("migrate.verify")).out + ran.err
    for command in (("migrate.roundtrip", "--all"), ("db.verify",)):
        ran = shop.invoke(*command)
        assert ran.code == 0, ran.err + ran.out
    assert "copies no subscription" in shop.invoke("migrate.roundtrip", "--with-data").err
    with connect(shop.address) as conn:
        conn.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")
        conn.execute("DROP SUBSCRIPTION s")
    ran = shop.invoke("migrate.verify")
    assert "subscription s" in ran.out
    assert ran.code == 6
    assert eventually(lambda: _scratch(shop) == set())


def test_no_other_command_leaves_a_scratch_database(shop: Project) -> None:
    assert shop.invoke("db.reset").code == 0
    _add(shop, _SUBSCRIPTION)
    for command in (
        "migrate.plan",
        "migrate.sql --prove",
        "ci",
        "doctor",
        "migrate.new --service shop -m more --empty",
    ):
        shop.invoke(*command.split())
        assert eventually(lambda: _scratch(shop) == set()), command
    assert set(_uncopied(shop.address)) == set()
    assert shop.invoke("migrate.apply").code == 0
    assert set(_uncopied(shop.address)) == {shop.address.database}
    shop.invoke("migrate.verify")
    assert eventually(lambda: _scratch(shop) == set())


def test_a_slot_is_in_the_new_database_and_in_no_template(shop: Project) -> None:
    _add(shop, _SLOT)
    assert shop.invoke("db.reset").code == 0
    assert _uncopied(shop.address) == {shop.address.database: ["replication slot a_slot"]}
    ran = shop.invoke("db.reset")
    assert ran.code == 3  # it may be somebody's who reads from this server
    assert "1 replication slot" in ran.err
    assert _uncopied(shop.address) == {shop.address.database: ["replication slot a_slot"]}
    assert _scratch(shop) == set()


@pytest.mark.parametrize("flag", ["--format=text", "--no-cache"])
def test_a_prepared_transaction_that_stays_is_a_fault_of_the_revision(shop: Project, flag: str) -> None:
    shop.write("old")
    _add(shop, _PREPARED)
    ran = shop.invoke("db.reset", flag)
    assert ran.code == 1
    assert "prepared transaction: half done" in ran.err
    assert "COMMIT PREPARED" in ran.err
    assert shop.text() == "old"
    assert _uncopied(shop.address) == {}
    assert _scratch(shop) == set()


def test_copies_name_what_they_lack(shop: Project) -> None:
    _add(shop, _SUBSCRIPTION)
    assert shop.invoke("db.reset").code == 0
    assert shop.invoke("db.reset").code == 0
    lacks = "without subscription s: CREATE DATABASE ... TEMPLATE does not copy it"
    assert lacks in shop.invoke("db.snapshot", "with-it").out
    assert lacks in shop.invoke("db.restore", "with-it").out
    assert lacks in shop.invoke("db.restore", "before-reset").out
    assert lacks not in shop.invoke("db.snapshot", "without-it").out
    assert shop.invoke("db.drop-snapshot", "before-reset").code == 0
    assert shop.invoke("db.drop-snapshot", "before-restore").code == 0
    assert _uncopied(shop.address) == {}


def test_a_database_for_a_branch_names_what_it_lacks(shop: Project) -> None:
    _add(shop, _SUBSCRIPTION)
    for words in (
        ("init", "-q", "-b", "one"),
        ("add", "."),
        ("commit", "-q", "-m", "all"),
        ("switch", "-q", "-c", "two"),
    ):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=shop.root, check=True)
    assert shop.invoke("db.reset").code == 0
    with databases.maintenance(shop.address) as conn:
        conn.execute(label(shop.address.database, "one"))
    ran = shop.invoke("db.switch")
    assert ran.code == 0, ran.err
    assert "without subscription s" in ran.out
