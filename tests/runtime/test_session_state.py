"""A revision is judged alone: no state of the session of one reaches the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.runtime.worker.session_state import _PARTS, _UNSEEN
from tests.monorepo import SYNC, Rev
from tests.runtime.test_session import prepare, session

LOOK = """
op.execute('''INSERT INTO app_seen SELECT current_schemas(false)::text, current_user::text, session_user::text,
    current_setting('session_replication_role'), current_setting('row_security'), current_setting('app.tenant', true),
    to_regclass('pg_temp.todo')::text, (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
    (SELECT count(*) FROM pg_listening_channels()), current_setting('TimeZone')''')
"""
MAKE = """
op.execute('''CREATE TABLE app_seen (path text, who text, as_whom text, replication text, security text, tenant text,
    temporary text, prepared int, locks int, channels int, zone text)''')
op.execute("CREATE SCHEMA side")
op.execute("CREATE ROLE app_other_{n}")
op.execute("GRANT ALL ON SCHEMA public TO app_other_{n}")
"""
LEAKS = {
    "SET": "SET search_path = side, public",
    "replica": "SET session_replication_role = replica",
    "set_config": "SELECT set_config('search_path', 'side, public', false)",
    "in a block": "DO $$ BEGIN PERFORM set_config('row_security', 'off', false); END $$",
    "of the application": "SET app.tenant = 'a'",
    "role": "SET ROLE app_other_{n}",
    "authorization": "SET SESSION AUTHORIZATION app_other_{n}",
    "temporary table": "CREATE TEMPORARY TABLE todo AS SELECT 1",
    "prepared": "PREPARE this AS SELECT 1",
    "lock": "SELECT pg_advisory_lock(7)",
    "LISTEN": "LISTEN here",
    "time zone": "SET TIME ZONE 'Asia/Tokyo'",
    "reset": "RESET ALL",
}
OWN_SETTINGS = SYNC.replace(
    "        migrate(connection)",
    "        connection.exec_driver_sql(\"SET TIME ZONE 'Asia/Tokyo'\")\n"
    "        connection.exec_driver_sql(\"SET app.tenant = 'mine'\")\n        connection.commit()\n"
    "        migrate(connection)",
)


def revisions(leak: str, name: str) -> tuple[Rev, ...]:
    granted = f'op.execute("GRANT ALL ON app_seen, alembic_version_app TO app_other_{name}")'
    return (
        Rev(id="r1", up=MAKE.replace("{n}", name) + granted),
        Rev(id="r2", up=f"op.execute({leak.replace('{n}', name)!r})"),
        Rev(id="r3", up=LOOK),
    )


def seen(root: Path, database: Address, leak: str, env: str, *, at_once: bool) -> object:
    registry, identity = prepare(root, database, revisions=revisions(leak, database.database), env=env)
    if at_once:
        with session(registry, database, identity) as worker:
            for revision in ("r1", "r2", "r3"):
                worker.upgrade_one(revision)
    else:
        for revision in ("r1", "r2", "r3"):
            with session(registry, database, identity) as worker:
                worker.upgrade_one(revision)
    with connect(database) as conn:
        found = conn.rows("SELECT * FROM app_seen")
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA side")
        conn.execute(f'DROP ROLE "app_other_{database.database}"')
    return found


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_no_state_of_a_session_reaches_the_next_revision(tmp_path: Path, database: Address, leak: str) -> None:
    apart = seen(tmp_path / "apart", database, leak, "sync", at_once=False)
    assert seen(tmp_path / "at_once", database, leak, "sync", at_once=True) == apart


@pytest.mark.parametrize("env", ["async", "outer", OWN_SETTINGS], ids=["async", "outer", "own settings"])
def test_so_it_is_whatever_env_py_does(tmp_path: Path, database: Address, env: str) -> None:
    leak = LEAKS["SET"]
    apart = seen(tmp_path / "apart", database, leak, env, at_once=False)
    assert seen(tmp_path / "at_once", database, leak, env, at_once=True) == apart
    assert ("Asia/Tokyo" in str(apart)) == (env is OWN_SETTINGS)


def test_a_revision_that_changes_no_session_costs_no_other_connection(tmp_path: Path, database: Address) -> None:
    look = 'op.execute("CREATE TABLE app_%d AS SELECT pg_backend_pid() AS pid")'
    plain = tuple(Rev(id=f"r{n}", up=look % n) for n in (1, 2, 3))
    registry, identity = prepare(tmp_path, database, revisions=plain)
    with session(registry, database, identity) as worker:
        for revision in plain:
            worker.upgrade_one(revision.id)
    with connect(database) as conn:
        pids = "SELECT pid FROM app_1 UNION SELECT pid FROM app_2 UNION SELECT pid FROM app_3"
        assert len(conn.rows(pids)) == 1


@given(st.from_regex(_UNSEEN, alphabet=st.characters(codec="ascii")))
def test_every_word_that_no_catalog_shows_has_a_part_that_is_looked_for_first(text: str) -> None:
    assert any(part in text.lower() for part in _PARTS)
