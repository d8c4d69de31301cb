"""`aegis_db_session` and what is asynchronous, in real runs of pytest."""

from __future__ import annotations

import pytest

from tests.testing.conftest import Child

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.child

HEAD = """
import asyncio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

COUNT = text("SELECT count(*) FROM shop_items")
ADD = text("INSERT INTO shop_items VALUES (:id, 1)")
DATABASE = text("SELECT current_database()")
"""


def test_what_a_test_commits_is_gone_for_the_next_one(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + """
seen = set()

@pytest.mark.parametrize("n", range(3))
def test_commit(aegis_db_session, n):
    assert aegis_db_session.scalar(COUNT) == 0
    aegis_db_session.execute(ADD, {"id": 1})
    aegis_db_session.commit()
    with pytest.raises(IntegrityError):
        aegis_db_session.execute(ADD, {"id": 1})
    aegis_db_session.rollback()
    with aegis_db_session.begin_nested():
        aegis_db_session.execute(ADD, {"id": 2})
    aegis_db_session.rollback()
    assert aegis_db_session.scalar(COUNT) == 1
    aegis_db_session.execute(text("CREATE TABLE more (id int)"))
    aegis_db_session.commit()
    seen.add(aegis_db_session.scalar(DATABASE))

def test_failing_statement(aegis_db_session):
    with pytest.raises(DBAPIError):
        aegis_db_session.execute(text("SELECT 1/0"))

def test_one_database(aegis_db_session):
    seen.add(aegis_db_session.scalar(DATABASE))
    assert len(seen) == 1

@pytest.mark.aegis_seeds
def test_seeds(aegis_db_session):
    assert aegis_db_session.scalar(COUNT) == 2
    assert aegis_db_session.scalar(DATABASE) not in seen
"""
    )
    child.passes(passed=6)
    assert child.left() == set()


@pytest.mark.parametrize(
    "ending",
    [
        'aegis_db_session.connection().exec_driver_sql("COMMIT")',
        'aegis_db_session.connection().exec_driver_sql("COMMIT; BEGIN")',
        "aegis_db_session.connection().connection.driver_connection.commit()",
    ],
)
def test_what_is_committed_past_the_session_reaches_no_other_test(child: Child, ending: str) -> None:
    child.pytester.makepyfile(
        HEAD
        + f"""
@pytest.mark.parametrize("n", range(2))
def test_commit(aegis_db_session, n):
    assert aegis_db_session.scalar(COUNT) == 0
    aegis_db_session.execute(ADD, {{"id": 1}})
    {ending}
"""
    )
    # SQLAlchemy warns of a savepoint that is gone, and may fail to release it: both are the test's own doing
    ran = child.run("-W", "default")
    assert ran.parseoutcomes().get("passed", 0) == 2, ran.stdout.str()
    assert child.left() == set()


def test_a_session_that_the_server_ended_costs_only_its_test(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + """
def test_ended(aegis_db_session):
    with pytest.raises(DBAPIError):
        aegis_db_session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

def test_next(aegis_db_session):
    assert aegis_db_session.scalar(COUNT) == 0
"""
    )
    child.passes(passed=2)
    assert child.left() == set()


def test_asynchronous_ways(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + """
@pytest.mark.parametrize("n", range(2))
def test_session(aegis_db_async_session, n):
    async def body():
        async with aegis_db_async_session() as session:
            assert await session.scalar(COUNT) == 0
            await session.execute(ADD, {"id": 1})
            await session.commit()
            with pytest.raises(IntegrityError):
                await session.execute(ADD, {"id": 1})
            await session.rollback()
            assert await session.scalar(COUNT) == 1
        async with aegis_db_async_session() as session:
            assert await session.scalar(COUNT) == 0
    asyncio.run(body())

def test_engine(aegis_db_async_engine, aegis_db):
    async def body():
        async with aegis_db_async_engine.begin() as conn:
            await conn.execute(ADD, {"id": 1})
            assert await conn.scalar(DATABASE) == aegis_db.name
    for _ in range(2):
        if _:
            with pytest.raises(IntegrityError):
                asyncio.run(body())
        else:
            asyncio.run(body())

def test_asyncpg(aegis_db_asyncpg, aegis_db):
    async def body():
        async with aegis_db_asyncpg() as one, aegis_db_asyncpg() as other:
            await one.execute(ADD.text.replace(":id", "5"))
            assert await other.fetchval(COUNT.text) == 1
            assert await other.fetchval(DATABASE.text) == aegis_db.name
    asyncio.run(body())
"""
    )
    child.passes(passed=4)
    assert child.left() == set()


def test_with_a_plugin_that_runs_coroutines(child: Child) -> None:
    """Anyio's is installed with what the example services import."""
    child.pytester.makepyfile(
        HEAD
        + """
pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def session(aegis_db_async_session):
    async with aegis_db_async_session() as session:
        yield session

@pytest.mark.parametrize("n", range(2))
async def test_it(session, n):
    assert await session.scalar(COUNT) == 0
    await session.execute(ADD, {"id": 1})
    await session.commit()
"""
    )
    child.passes(passed=2)


def test_a_library_that_is_missing_is_only_missed_by_who_uses_it(child: Child) -> None:
    child.pytester.makeconftest('import sys\nsys.modules["asyncpg"] = None\n')
    child.pytester.makepyfile(
        HEAD
        + """
def test_sync(aegis_db, aegis_db_session):
    assert aegis_db_session.scalar(COUNT) == 0

def test_async(aegis_db_async_engine):
    pass
"""
    )
    child.passes(passed=1, errors=1).stdout.fnmatch_lines(["*asyncpg*"])
