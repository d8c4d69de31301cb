"""What belongs to the database and not to its content is there after each command that puts another in its place."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.lint.repository import commit, git
from tests.workflows.project import Project

_PROPERTIES = """
    SELECT pg_get_userbyid(d.datdba), d.datconnlimit, d.datacl::text,
           (SELECT json_object_agg(s.setrole::regrole::text, entry ORDER BY s.setrole)
              FROM pg_db_role_setting s, unnest(s.setconfig) entry
             WHERE s.setdatabase = d.oid AND NOT starts_with(entry, 'aegisdb.'))
      FROM pg_database d WHERE d.datname = %s"""


@pytest.fixture
def roles(database: Address) -> Iterator[tuple[str, str]]:
    """A role that owns databases, and one that uses them."""
    owner, user = (f"{kind}_{uuid.uuid4().hex[:8]}" for kind in ("owner", "user"))
    with connect(database) as conn:
        for role in (owner, user):
            conn.execute(f"CREATE ROLE {role}")
    yield owner, user
    with databases.maintenance(database) as conn:
        sql = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        for (name,) in conn.rows(sql, (database.database,)):
            conn.execute(f'ALTER DATABASE "{name}" OWNER TO aegis')
            conn.execute(f'REVOKE ALL ON DATABASE "{name}" FROM {owner}, {user}')
        for role in (owner, user):
            conn.execute(f"DROP ROLE {role}")


@pytest.fixture
def given(shop: Project, roles: tuple[str, str]) -> tuple[object, ...]:
    """The properties that the live database was given."""
    owner, user = roles
    name = f'"{shop.address.database}"'
    with databases.maintenance(shop.address) as conn:
        for statement in (
            f"ALTER DATABASE {name} OWNER TO {owner}",
            f"ALTER DATABASE {name} SET work_mem = '7MB'",
            f"ALTER ROLE {user} IN DATABASE {name} SET statement_timeout = '9s'",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO {user} WITH GRANT OPTION",
            f"ALTER DATABASE {name} CONNECTION LIMIT 50",
        ):
            conn.execute(statement)
    return _properties(shop)


def _properties(shop: Project) -> tuple[object, ...]:
    with databases.maintenance(shop.address) as conn:
        (row,) = conn.rows(_PROPERTIES, (shop.address.database,))
    assert row[2] is not None
    return (*row[:2], set(row[2].strip("{}").split(",")), row[3])


def _done(shop: Project, *words: str) -> None:
    ran = shop.invoke(*words)
    assert ran.code == 0, ran.err + ran.out


@pytest.mark.parametrize("flag", ["--format=text", "--no-cache"])
def test_a_reset_keeps_them(shop: Project, given: tuple[object, ...], flag: str) -> None:
    for _ in range(2):
        _done(shop, "db.reset", flag)
        assert _properties(shop) == given
    _done(shop, "db.restore", "before-reset")
    assert _properties(shop) == given


def test_a_snapshot_keeps_them_also_where_the_database_is_gone(shop: Project, given: tuple[object, ...]) -> None:
    _done(shop, "db.snapshot", "one")
    with databases.maintenance(shop.address) as conn:
        databases.drop(conn, shop.address.database, force=True)
    _done(shop, "db.restore", "one")
    assert _properties(shop) == given


def test_the_database_that_is_made_for_a_branch_has_them(shop: Project, given: tuple[object, ...]) -> None:
    (shop.root / ".gitignore").write_text(".aegisdb/\n")
    commit(shop.root)
    _done(shop, "db.switch")
    git(shop.root, "switch", "-q", "-c", "two")
    _done(shop, "db.switch")
    assert _properties(shop) == given
    with databases.maintenance(shop.address) as conn:
        conn.execute(f"ALTER DATABASE \"{shop.address.database}\" SET work_mem = '8MB'")
    _done(shop, "db.switch", "main")
    assert _properties(shop) == given  # each branch's own
