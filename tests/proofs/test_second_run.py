"""Looks at a copy between what others run there."""

from __future__ import annotations

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.proofs.second_run import Looking, what_changed


@pytest.mark.parametrize("stays", [True, False])
def test_looks_go_on_where_what_runs_there_ends_all_other_sessions(database: Address, *, stays: bool) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn, Looking(database, stays=stays) as looking:
        conn.execute("CREATE TABLE items (id serial PRIMARY KEY)")
        before = looking.look()
        conn.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        conn.execute("INSERT INTO items VALUES (7)")
        assert what_changed(before, looking.look()) == ("public.items: 0 rows became 1",)
        assert [one.highest for one in looking.behind()] == [7]


def test_a_session_that_stays_sees_each_change_of_others(database: Address) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn, Looking(database, stays=True) as looking:
        before = looking.look()
        for statement, change in (
            ("CREATE TABLE items (id int)", "items"),
            ("ALTER TABLE items ADD name text", "name"),
            ("CREATE INDEX items_name ON items (name)", "items_name"),
            ("ALTER TABLE items RENAME TO things", "things"),
            ("INSERT INTO things VALUES (1, 'a')", "public.things: 0 rows became 1"),
        ):
            conn.execute(statement.encode())
            after = looking.look()
            assert change in "\n".join(what_changed(before, after))
            assert what_changed(after, looking.look()) == ()
            before = after
