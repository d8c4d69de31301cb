"""What a server must have: asked without a message of its own, named where it is missing, and told in the docs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.capabilities import ADVISORY_LOCKS, CAPABILITIES, CREATE_DATABASE
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psycopg_session import DriverConnection, open_session
from aegisdb.postgres.route import require, require_own, require_primary, require_undivided
from tests.invoke import ROOT, invoke
from tests.poolers.conftest import nothing_held, rows
from tests.poolers.test_pgbouncer import READERS, codes
from tests.sources import of_engine

_REFUSE = """
    CREATE FUNCTION no_tables() RETURNS event_trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'no DDL in a transaction here'; END $$;
    CREATE EVENT TRIGGER no_tables ON ddl_command_start EXECUTE FUNCTION no_tables()"""


SOME = (("migrate.apply",), ("deploy.apply",), ("seed.run",))  # the lock is one for all writers


def typed(shop: Path, address: Address, *words: str) -> tuple[int, list[str], str]:
    ran = invoke(*words, "--format", "json", cwd=shop, env={"DATABASE_URL": address.url()})
    return *codes(ran), ran.last


@contextmanager
def changed(database: Address, by: str, back: str) -> Iterator[None]:
    """What a superuser does to the database, and undoes."""
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(by.encode())
        yield
        conn.execute(back.encode())


def test_the_docs_have_the_table() -> None:
    text = (ROOT / "docs" / "targets.md").read_text("utf-8").partition("| needed | by | asked by |")[2]
    row = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| 3, `(\w+)` \| .+? \|$", re.MULTILINE)
    assert row.findall(text.partition("\n\n")[0]) == [(c.name, c.needed_by, c.asked, c.code) for c in CAPABILITIES]


def test_the_engine_sets_no_name_of_its_own() -> None:
    sets = re.compile(r"(?:set_config\('|SET (?:LOCAL |SESSION )?)(\w+\.\w+)")
    found = {(source.path.name, found) for source in of_engine() for found in sets.findall(source.text)}
    assert found == {("safety.py", "aegisdb.environment")}  # what a person types, in a docstring


@pytest.mark.parametrize(
    "function",
    ["pg_try_advisory_xact_lock(bigint)", "pg_advisory_xact_lock(bigint)", "pg_try_advisory_lock(bigint)"],
)
def test_without_advisory_locks_writers_are_refused(
    shop: Path, database: Address, managed: Address, function: str
) -> None:
    by, back = f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC"
    with changed(database, by, back):
        for words in SOME if "try_advisory_xact" in function else SOME[:1]:
            code, named, last = typed(shop, managed, *words)
            assert (code, named) == (3, ["capability"]), (words, last)
            assert "needs advisory locks" in last
            assert "GRANT EXECUTE ON FUNCTION" in last
        for words in READERS[:3] if "try_advisory_xact" in function else ():
            assert typed(shop, managed, *words)[:2] == (0, []), words
    assert rows(database, "SELECT to_regclass('shop_items'), to_regnamespace('aegisdb')") == [(None, None)]


def test_without_the_servers_identifier_everything_is_refused(shop: Path, database: Address, managed: Address) -> None:
    by = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"
    with changed(database, by, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC"):
        for words in (("db.status",), *SOME):
            code, named, last = typed(shop, managed, *words)
            assert (code, named) == (3, ["capability"]), (words, last)
            assert "needs pg_control_system()" in last
            assert "GRANT EXECUTE ON FUNCTION pg_control_system()" in last
    assert rows(database, "SELECT to_regclass('shop_items')") == [(None,)]


def test_without_create_database_what_makes_one_is_refused(shop: Path, database: Address, managed: Address) -> None:
    words: tuple[str, ...]
    for words in (("db.snapshot", "x"), ("migrate.verify",), ("migrate.roundtrip", "--all"), ("deploy.prove",)):
        code, named, last = typed(shop, managed, *words)
        assert (code, named) == (3, ["capability"]), (words, last)
        assert "needs CREATE DATABASE" in last
        assert "proof:" in last
    for words in (("migrate.apply",), ("seed.run",), ("deploy.apply",), ("migrate.reapply", "--service", "shop")):
        assert typed(shop, managed, *words)[:2] == (0, []), words
    assert nothing_held(database)


def test_without_ddl_in_a_transaction_writers_are_refused(shop: Path, database: Address, managed: Address) -> None:
    with changed(database, _REFUSE, "DROP EVENT TRIGGER no_tables; DROP FUNCTION no_tables()"):
        for words in SOME:
            code, named, last = typed(shop, managed, *words)
            assert (code, named) == (3, ["capability"]), (words, last)
            assert "needs DDL in a transaction" in last
            assert "no DDL in a transaction here" in last
    no_temporary = f'REVOKE TEMPORARY ON DATABASE "{database.database}" FROM PUBLIC'
    with changed(database, no_temporary, no_temporary):  # which says nothing of other tables
        assert typed(shop, managed, "migrate.apply")[:2] == (0, [])


@pytest.mark.skipif(sys.platform != "linux", reason="libpq traces on Linux")
def test_the_probe_is_a_part_of_the_first_question(database: Address, tmp_path: Path) -> None:
    own = replace(database, ours=True)
    with open_session(own, application="aegisdb", timeout=5) as conn, sent(conn, tmp_path / "alone") as messages:
        for capability in (ADVISORY_LOCKS, CREATE_DATABASE):
            require(conn, capability, "a test")
        require_primary(conn, "a test")
        require_own(conn, "a test")
        require_undivided(conn, "a test")
        assert conn.between() == "direct"
    assert len(messages) == 1
    with open_session(own, application="aegisdb", timeout=5) as conn, sent(conn, tmp_path / "look") as messages:
        looking = conn.looking()
        with looking:
            require(conn, ADVISORY_LOCKS, "a test")
    assert len(messages) == 2  # BEGIN and the question; ROLLBACK


@contextmanager
def sent(conn: DriverConnection, file: Path) -> Iterator[list[str]]:
    """What libpq sends within the block, filled at its end."""
    messages: list[str] = []
    with file.open("w") as log:
        libpq = conn._raw.pgconn  # noqa: SLF001  nobody else can count what is sent
        libpq.trace(log.fileno())
        yield messages
        libpq.untrace()
    messages += [line for line in file.read_text().splitlines() if re.search(r"\tF\t", f"\t{line}")]


def test_a_role_is_told_what_it_lacks(database: Address, managed: Address) -> None:
    with connect(managed) as conn:
        assert conn.identity().lacks == (CREATE_DATABASE.name,)
    with connect(database) as conn:
        assert conn.identity().lacks == ()
