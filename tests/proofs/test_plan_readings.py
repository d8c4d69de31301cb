"""What a plan reads of a database in parts and in its own words, against the whole and the server's own view."""

from __future__ import annotations

import threading

import psycopg

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.proofs.table_states import read_state
from aegisdb.runtime.worker.observer import _AMONG, _EVERY, _FLUSH, _LOCKS, _WORK

STEPS = (
    "CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0))",
    "ALTER TABLE a ADD CONSTRAINT later CHECK (n < 9) NOT VALID",
    "ALTER TABLE a VALIDATE CONSTRAINT later",
    "ALTER TABLE a RENAME CONSTRAINT later TO sooner",
    "ALTER TABLE a DROP CONSTRAINT sooner, ADD CONSTRAINT again CHECK (n < 8)",
    "CREATE SCHEMA s; ALTER TABLE a SET SCHEMA s",
    "ALTER SCHEMA s RENAME TO t",
    "CREATE VIEW v AS SELECT id FROM t.a; CREATE TABLE p (i int REFERENCES t.a) PARTITION BY RANGE (i)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)",
    "ALTER TABLE t.a ALTER n TYPE bigint",
    "DROP VIEW v; DROP TABLE p",
)
WORKED = """
    CREATE TABLE idle (id int PRIMARY KEY);
    CREATE TABLE written (id int PRIMARY KEY, n int UNIQUE);
    CREATE TABLE read (id int PRIMARY KEY, n text);
    CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (99);
    CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
    CREATE TABLE undone (id int)"""
WORK = """
    INSERT INTO written SELECT g, g FROM generate_series(1, 50) g; UPDATE written SET n = -n WHERE id = 7;
    DELETE FROM written WHERE n = 8; SELECT count(*) FROM read; INSERT INTO parted VALUES (1); SELECT * FROM kept;
    SAVEPOINT one; INSERT INTO undone VALUES (1); ROLLBACK TO one"""
VIEW = """
    SELECT relid::bigint, seq_scan, seq_tup_read, n_tup_ins, n_tup_upd, n_tup_del, coalesce(idx_scan, 0)
      FROM pg_stat_xact_all_tables WHERE relid >= 16384 AND schemaname <> 'pg_toast'"""


def test_a_state_read_in_parts_is_the_whole_one(database: Address) -> None:
    with connect(database) as conn:
        before = read_state(conn)
        for step in STEPS:
            conn.execute(step)
            state, whole = read_state(conn, before), read_state(conn)
            assert state.tables == whole.tables, step
            assert state.constraints.items() >= whole.constraints.items(), step
            assert (state.not_null, state.invalid, state.spaces) == (whole.not_null, whole.invalid, whole.spaces), step
            was, now = before.constraints, whole.constraints
            new = {one for one in now if one not in was or was[one].valid != now[one].valid}
            assert new <= state.definitions.keys() <= now.keys(), step
            before = state


def test_a_state_is_of_one_moment(database: Address) -> None:
    def make() -> None:
        with connect(database) as other:
            for number in range(150):
                other.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY)")

    maker = threading.Thread(target=make)
    with connect(database) as conn:
        before = read_state(conn)
        maker.start()
        while maker.is_alive():
            state = read_state(conn, before)
            assert state.definitions.keys() <= state.constraints.keys()
            before = state
        maker.join()
        assert read_state(conn, before).constraints == read_state(conn).constraints  # none was dropped


def test_the_work_of_a_transaction_is_that_of_the_servers_view(database: Address) -> None:
    with psycopg.connect(database.url()) as conn:
        conn.execute(WORKED)
        conn.execute(_FLUSH)
        conn.commit()
        undone = conn.execute("SELECT 'undone'::regclass::oid::bigint").fetchall()[0][0]
        for statement in WORK.split(";"):
            conn.execute(statement)
            seen = {row[0]: row for row in conn.execute(VIEW).fetchall() if any(row[1:])}
            ours = {row[0]: row for row in conn.execute(_WORK.format(among=_EVERY)).fetchall()}
            held = {row[0] for row in conn.execute(_LOCKS).fetchall()}
            among = {row[0]: row for row in conn.execute(_WORK.format(among=_AMONG)).fetchall()}
            assert among == {one: row for one, row in ours.items() if one in held}
            assert ours.keys() - held <= {undone}, statement
            assert ours == seen, statement
        assert len(seen) > 3
