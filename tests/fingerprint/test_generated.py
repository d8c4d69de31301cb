"""The differential test over schemas and changes that nobody thought of: tables, columns, constraints, indexes."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint import read
from aegisdb.fingerprint.alike import catalogs
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.fingerprint.oracle import dump
from tests.postgres_server import TestServer

TYPES = st.sampled_from(
    ["int", "bigint", "text", "varchar(9)", "numeric(8,2)", "timestamptz", "jsonb", "int[]", "uuid"]
)
NAMES = st.sampled_from(["a", "b", "c", '"D x"', "order_"])
TABLES = st.sampled_from(["one", "two", '"Three"'])


@st.composite
def statement(draw: st.DrawFn) -> str:
    table, column, kind = draw(TABLES), draw(NAMES), draw(TYPES)
    options = draw(st.sampled_from(["", " NOT NULL", " DEFAULT NULL", " UNIQUE"]))
    word = draw(
        st.sampled_from(["SET NOT NULL", "DROP NOT NULL", "DROP DEFAULT", "SET STATISTICS 9", "SET STATISTICS -1"])
    )
    method = draw(st.sampled_from(["btree", "hash", "brin"]))
    return draw(
        st.sampled_from([
            f"CREATE TABLE {table} (id int PRIMARY KEY, {column} {kind}{options})",
            f"DROP TABLE {table} CASCADE",
            f"ALTER TABLE {table} ADD {column} {kind}{options}",
            f"ALTER TABLE {table} DROP {column}",
            f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING NULL",
            f"ALTER TABLE {table} ALTER {column} {word}",
            f"ALTER TABLE {table} ADD CHECK ({column} IS NOT NULL)",
            f"ALTER TABLE {table} ADD CONSTRAINT k UNIQUE ({column})",
            f"ALTER TABLE {table} DROP CONSTRAINT k",
            f"ALTER TABLE {table} ADD r int REFERENCES one (id)",
            f"CREATE INDEX ON {table} USING {method} ({column})",
            f"CREATE INDEX i ON {table} ({column} DESC)",
            "DROP INDEX i",
            f"ALTER TABLE {table} RENAME {column} TO renamed",
        ])
    )  # fmt: skip


@settings(
    max_examples=12,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.lists(statement(), min_size=3, max_size=10))
def test_the_fingerprint_agrees_with_pg_dump_about_anything(
    server: TestServer, database: Address, changes: list[str]
) -> None:
    with connect(database) as conn:
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        judged = dump(database, server.bindir), read(conn).digest
        said = {catalogs(conn): judged[1]}
        for change in changes:
            try:
                conn.execute(change)
            except StatementFailed:
                continue
            now = dump(database, server.bindir), read(conn).digest
            assert (now[0] == judged[0]) == (now[1] == judged[1]), change
            assert said.setdefault(catalogs(conn), now[1]) == now[1], change
            judged = now
