"""Names in `fills`, and the hash of a table's rows."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from aegisdb.errors import BadInput, Failed
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from aegisdb.seeds.fills import count_rows, read_name, require_filled
from aegisdb.seeds.row_hashes import changed_tables, table_contents


@pytest.fixture
def conn(database: Address) -> Iterator[Connection]:
    """A database with tables of every spelling."""
    with psycopg.connect(database.url(), autocommit=True) as own:
        own.execute('CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."Well" AS SELECT 1 AS a; CREATE TABLE plain (a text)')
        own.execute("CREATE SCHEMA shop; CREATE TABLE shop.plain AS SELECT generate_series(1, 3) AS a")
    with connect(database) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "schema", "rows"),
    [
        ("plain", None, 0),
        ("PLAIN", None, 0),
        ("plain", "shop", 3),
        ("public.plain", "shop", 0),
        ('"Odd"."Well"', None, 1),
        ("Odd.Well", None, 1),
        ("odd.well", None, None),
        ("plain; DROP TABLE plain", None, None),
    ],
)
def test_a_name_is_read_as_postgresql_reads_it_or_letter_by_letter(
    conn: Connection, name: str, schema: str | None, rows: int | None
) -> None:
    assert count_rows(conn, (name,), schema) == ({} if rows is None else {name: rows})


@pytest.mark.parametrize("name", ["", "a.b.c", ".a", "a.", '"a', 'a"b"', "a\0"])
def test_a_name_that_is_no_tables(name: str) -> None:
    with pytest.raises(BadInput):
        read_name(name)


def test_missing_and_empty_are_told_apart(conn: Connection) -> None:
    counts = count_rows(conn, ("plain", "gone"))
    with pytest.raises(Failed) as empty:
        require_filled(counts, ("plain",), "the seed")
    with pytest.raises(Failed) as missing:
        require_filled(counts, ("gone",), "the seed")
    assert (empty.value.code, missing.value.code) == ("seed_no_rows", "seed_no_table")


def test_the_hash_of_rows_does_not_depend_on_their_order(conn: Connection) -> None:
    conn.execute("INSERT INTO plain VALUES ('a'), ('b'), (NULL)")
    before = table_contents(conn)
    conn.execute("UPDATE plain SET a = a WHERE a = 'a'")
    assert table_contents(conn) == before
    conn.execute("UPDATE plain SET a = 'c' WHERE a = 'b'")
    assert changed_tables(before, table_contents(conn)) == ("public.plain: values changed in its 3 rows",)
    conn.execute("DROP TABLE plain")
    assert changed_tables(before, table_contents(conn)) == ("public.plain: disappeared",)
