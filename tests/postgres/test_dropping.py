"""Retired scratch databases: nobody's orphans while their maker lives, dropped with those of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from aegisdb.postgres import databases, dropping, scratch
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from tests.running import eventually


@pytest.fixture
def makers(database: Address) -> Iterator[tuple[Connection, Connection]]:
    """Sessions of two processes."""
    with databases.maintenance(database) as one, databases.maintenance(database) as other:
        yield one, other
        scratch.sweep(one, database.database)


def there(conn: Connection, *made: Address) -> list[bool]:
    return [databases.exists(conn, address.database) for address in made]


def test_what_two_processes_have_retired_goes_at_once_and_nothing_else(
    database: Address, makers: tuple[Connection, Connection]
) -> None:
    one, other = makers
    used = [scratch.make(database, conn) for conn in (one, other, other)]
    held = scratch.make(database, other)
    with connect(used[0]):  # a test left a session open
        for conn, address in zip((one, other, other), used, strict=True):
            scratch.retire(conn, address.database)
    with databases.maintenance(database) as third:
        assert scratch.orphans(third, database.database) == ()
        assert set(scratch.retired(third, database.database)) == {address.database for address in used}
    dropping.drop_retired(one, database)
    assert there(one, *used, held) == [False, False, False, True]
    databases.drop(other, held.database)


def test_with_its_maker_gone_a_retired_one_is_an_orphan(
    database: Address, makers: tuple[Connection, Connection]
) -> None:
    with databases.maintenance(database) as dies:
        left = scratch.make(database, dies)
        scratch.retire(dies, left.database)
    assert eventually(lambda: scratch.orphans(makers[0], database.database) == (left.database,))
    assert scratch.sweep(makers[0], database.database) == (left.database,)


def test_nothing_is_dropped_while_another_one_is_made(database: Address, makers: tuple[Connection, Connection]) -> None:
    one, other = makers
    made = scratch.make(database, one)
    scratch.retire(one, made.database)
    with dropping.making(other, database.database):
        drops = threading.Thread(target=dropping.drop_retired, args=(one, database))
        drops.start()
        drops.join(0.5)
        assert drops.is_alive()
        assert there(other, made) == [True]
    drops.join(30)
    assert there(other, made) == [False]


def test_a_server_without_room_for_more_sessions_drops_one_after_the_other(
    database: Address, makers: tuple[Connection, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = makers
    used = [scratch.make(database, one) for _ in range(3)]
    for address in used:
        scratch.retire(one, address.database)
    monkeypatch.setattr(dropping, "_session", lambda _: None)
    dropping.drop_retired(one, database)
    assert there(one, *used) == [False] * 3
