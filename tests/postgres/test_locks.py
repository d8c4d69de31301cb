"""The writer lock: one at a time, free at once when its holder dies, never in the way of CREATE INDEX CONCURRENTLY."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from aegisdb.errors import Busy
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.connection import Connection, connect
from aegisdb.postgres.lock_holder import holder
from aegisdb.postgres.locks import LockLost, replacing_lock, writer_lock
from aegisdb.postgres.replacement import replace_live
from aegisdb.progress import Event
from tests.running import eventually

Locking = Callable[..., AbstractContextManager[Any]]

_HOLDER = """
import os, sys, time
from aegisdb.postgres.address import Address
from aegisdb.postgres.locks import writer_lock
with writer_lock(Address.from_url(os.environ["URL"]), wait=0, command="migrate.apply"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_writer_is_told_who_holds_it(database: Address) -> None:
    with (
        writer_lock(database, wait=0, command="migrate.apply"),
        pytest.raises(Busy) as caught,
        writer_lock(database, wait=0, command="db.reset"),
    ):
        pass
    assert "migrate.apply" in caught.value.message
    assert "127.0.0.1" in caught.value.message
    assert "--lock-wait" in caught.value.hint


def test_two_databases_do_not_wait_for_each_other(database: Address) -> None:
    other = database.with_database("postgres")
    with writer_lock(database, wait=0, command="a"), writer_lock(other, wait=0, command="b"):
        found = holder(database)
    assert found is not None
    assert found.application.startswith("aegisdb: a ")
    assert eventually(lambda: holder(database) is None)


def test_a_waiter_gets_it_and_says_that_it_waits(database: Address) -> None:
    events: list[Event] = []
    taken, told = threading.Event(), threading.Event()

    def hold() -> None:
        with writer_lock(database, wait=0, command="first"):
            taken.set()
            told.wait(60)

    def listen(event: Event) -> None:
        events.append(event)
        told.set()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(60)
    with writer_lock(database, wait=90, command="second", listen=listen):
        pass
    thread.join()
    assert [event.over for event in events] == [False, True]
    assert "first" in events[0].note


def test_the_lock_of_a_killed_holder_is_free(database: Address) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDER],
        env={**os.environ, "URL": database.url()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(Busy), writer_lock(database, wait=0, command="me"):
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with writer_lock(database, wait=60, command="me"):
        pass


def test_a_waiter_is_in_nobodys_way(database: Address) -> None:
    """CREATE INDEX CONCURRENTLY of the holder neither waits for the waiter nor deadlocks with it."""
    outcome: list[str] = []

    def wait() -> None:
        with writer_lock(database, wait=60, command="waiter"):
            outcome.append("got it")

    with connect(database) as conn:
        conn.execute("CREATE TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000)")
        with writer_lock(database, wait=0, command="holder"):
            thread = threading.Thread(target=wait)
            thread.start()
            for number in range(5):
                conn.execute(f"CREATE INDEX CONCURRENTLY i{number} ON t (i)")
        thread.join(60)
        assert outcome == ["got it"]
        assert conn.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def test_a_database_can_be_renamed_and_cloned_under_its_lock(database: Address) -> None:
    other = f"{database.database}_x"
    with replacing_lock(database, wait=0, command="db.reset"), databases.maintenance(database) as admin:
        databases.clone(admin, database.database, other, wait=0)
        databases.drop(admin, database.database)
        databases.rename(admin, other, database.database)
        assert holder(database) is not None


def test_ten_writers_at_once_take_turns(database: Address) -> None:
    """Each adds one to a number that it read before: a lost update would show."""
    with connect(database) as conn:
        conn.execute("CREATE TABLE n (n int); INSERT INTO n VALUES (0)")

    def add() -> None:
        with writer_lock(database, wait=60, command="add"), connect(database) as conn:
            before = conn.value("SELECT n FROM n")
            time.sleep(0.01)
            conn.execute("UPDATE n SET n = %s", (before + 1,))

    threads = [threading.Thread(target=add) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with connect(database) as conn:
        assert conn.value("SELECT n FROM n") == 10


@pytest.mark.parametrize("first", [writer_lock, replacing_lock])
@pytest.mark.parametrize("second", [writer_lock, replacing_lock])
def test_writers_and_replacers_exclude_each_other(database: Address, first: Locking, second: Locking) -> None:
    with (
        first(database, wait=0, command="the first"),
        pytest.raises(Busy) as caught,
        second(database, wait=0.2, command="the second"),
    ):
        pass
    assert caught.value.code == "locked"
    assert "the first" in caught.value.message
    with second(database, wait=30, command="the second"):  # nothing of either stays behind
        pass


def test_a_writer_who_waits_for_a_replacer_has_no_session_in_the_database(database: Address) -> None:
    """The database can be renamed and given back, and the writer then works in what bears its name."""
    told, done = threading.Event(), threading.Event()
    other = f"{database.database}_x"

    def write() -> None:
        with writer_lock(database, wait=60, command="write", listen=lambda _: told.set()), connect(database) as conn:
            conn.execute("CREATE TABLE written ()")
            done.set()

    with replacing_lock(database, wait=0, command="replace"), databases.maintenance(database) as admin:
        thread = threading.Thread(target=write)
        thread.start()
        assert told.wait(60)
        for _ in range(5):
            databases.create(admin, other)
            replace_live(admin, database.database, other, f"{other}_old", {})
            databases.drop(admin, f"{other}_old")
        assert not done.is_set()
    thread.join(60)
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('written')") == "written"


@pytest.mark.parametrize(
    "timeout", ["idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
)
def test_a_server_that_ends_idle_sessions_does_not_end_the_lock(database: Address, timeout: str) -> None:
    with connect(database) as conn:
        conn.execute(f"ALTER DATABASE {database.database} SET {timeout} = '200ms'")
    with writer_lock(database, wait=0, command="first") as lock:
        time.sleep(1)
        with pytest.raises(Busy), writer_lock(database, wait=0, command="second"):
            pass
        lock.prove()


def _lose(database: Address, admin: Connection, *, proves: bool) -> None:
    with writer_lock(database, wait=30, command="first") as lock:
        lock.prove()
        found = holder(database)
        assert found is not None
        admin.value("SELECT pg_terminate_backend(%s)::text", (found.pid,))
        assert eventually(lambda: holder(database) is None)
        if proves:
            lock.prove()


def test_a_lock_whose_session_was_ended_is_lost(database: Address) -> None:
    with databases.maintenance(database) as admin:
        for proves in (True, False):  # who does not ask is told at the end
            with pytest.raises(LockLost) as caught:
                _lose(database, admin, proves=proves)
            assert (caught.value.code, caught.value.exit_code) == ("lock_lost", 4)


def test_another_role_that_may_not_enter_the_maintenance_database_has_the_same_lock(database: Address) -> None:
    role = f"ci_{database.database}"
    with databases.maintenance(database) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    other = replace(database, user=role, password=Secret("x"))
    try:
        with (
            writer_lock(database, wait=0, command="owner"),
            pytest.raises(Busy) as caught,
            writer_lock(other, wait=0, command="ci"),
        ):
            pass
        assert "owner" in caught.value.message
        with (
            writer_lock(other, wait=0, command="ci"),
            pytest.raises(Busy) as caught,
            writer_lock(database, wait=0, command="owner"),
        ):
            pass
        assert "ci " in caught.value.message
    finally:
        with databases.maintenance(database) as admin:
            admin.execute(f"GRANT CONNECT ON DATABASE postgres TO PUBLIC; DROP ROLE {role}")
