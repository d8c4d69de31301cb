"""`migrate.sql --prove` prints a script of which psql has made what the revisions make, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import rows, versions

OUTSIDE = "with op.get_context().autocommit_block():\n    "
ONLINE = "from alembic import context\nif not context.is_offline_mode():\n    "
HISTORIES = {
    "b": Svc(revisions=(Rev(id="b1", up=table("b_t"), down='op.drop_table("b_t")'),)),
    "a": Svc(
        revisions=(
            Rev(
                id="a1",
                up='op.execute("CREATE TABLE a_t (id bigint PRIMARY KEY, b bigint REFERENCES b_t)")',
                down='op.drop_table("a_t")',
            ),
            Rev(
                id="a2",
                up=OUTSIDE + 'op.execute("CREATE INDEX CONCURRENTLY a_i ON a_t (b)")',
                down='op.execute("DROP INDEX a_i")',
            ),
        ),
        more={"after": ["b"]},
    ),
}
PROVEN = "-- run by psql on a copy: the schema is that of the revisions (PostgreSQL "


@pytest.mark.parametrize("words", [(), ("--from", "base"), ("--from", "a2", "--to", "base"), ("--from", "a1")])
def test_a_script_that_psql_has_run_says_so(database: Address, tmp_path: Path, words: tuple[str, ...]) -> None:
    build_monorepo(tmp_path, HISTORIES, url=database.url())
    ran = invoke("migrate.sql", "--service", "a", *words, "--prove", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert PROVEN in ran.out
    assert rows(database, "SELECT FROM pg_class WHERE relname IN ('a_t', 'b_t')") == []
    copies = f"SELECT FROM pg_database WHERE datname LIKE '{database.database}\\_\\_scratch%'"
    assert rows(database.with_database("postgres"), copies) == []


def test_a_way_down_from_where_the_database_is_is_run(database: Address, tmp_path: Path) -> None:
    build_monorepo(tmp_path, HISTORIES, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = invoke("migrate.sql", "--service", "a", "--down", "--to", "base", "--prove", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert PROVEN in ran.out
    assert versions(database, "a") == ["a2"]


@pytest.mark.parametrize(
    ("up", "code", "told"),
    [
        (
            'op.execute("ALTER TABLE nowhere ADD x int")',
            1,
            'error[statement_failed] a.sql:9: relation "nowhere" does not exist',
        ),
        (f'{ONLINE}op.execute("CREATE INDEX a_j ON a_t (b)")', 6, "error[script_differs]"),
    ],
)
def test_a_script_that_does_not_do_it_is_not_printed(
    database: Address, tmp_path: Path, up: str, code: int, told: str
) -> None:
    service = HISTORIES["a"]
    more = Svc(revisions=(*service.revisions, Rev(id="a3", up=up)), more=service.more)
    build_monorepo(tmp_path, {**HISTORIES, "a": more}, url=database.url())
    assert invoke("migrate.sql", "--service", "a", "--from", "a2", cwd=tmp_path).code == 0
    ran = invoke("migrate.sql", "--service", "a", "--from", "a2", "--prove", cwd=tmp_path)
    assert ran.code == code, ran.err
    assert told in ran.err
    assert "BEGIN" not in ran.out
