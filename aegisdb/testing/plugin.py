"""Hooks and fixtures; pytest loads this into every run where aegisdb is installed, so nothing is imported early."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
    from sqlalchemy.orm import Session

    from aegisdb.building import Level
    from aegisdb.testing.database import Database, Url
    from aegisdb.testing.rolled_back import SharedDatabase
    from aegisdb.testing.run import Run

_SEEDS = "aegis_seeds"
_AHEAD = 1
_ENVIRON = pytest.StashKey[dict[str, str]]()
_RUN = pytest.StashKey["Run"]()
_COMING = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the keys of the configuration file."""
    group = parser.getgroup("aegisdb", "databases of tests (aegisdb)")
    group.addoption(
        "--aegis-keep",
        action="store_true",
        help="keep the database of aegis_db of each test that fails, and print its URL, password included",
    )
    group.addoption("--aegis-target", default="", metavar="NAME", help="target of services.yaml to make databases on")
    parser.addini("aegis_registry", "directory of services.yaml from the root directory; else it is searched upward")
    parser.addini("aegis_target", "target of services.yaml to make databases on", default="")
    parser.addini(_SEEDS, "every test gets the seeds, as if it were marked aegis_seeds", type="bool", default=False)
    parser.addini("aegis_ahead", f"databases that a process makes ahead of its tests ({_AHEAD})", default=str(_AHEAD))


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Note the environment before a conftest.py gives the application a DATABASE_URL, which is no target of ours."""
    early_config.stash[_ENVIRON] = dict(os.environ)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand it to a worker of pytest-xdist, which is started after that."""
    node.workerinput["aegis_environ"] = _environ(node.config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and what keeps databases where that is asked for."""
    config.addinivalue_line("markers", f"{_SEEDS}: the databases of this test have the seeds")
    if config.getoption("--aegis-keep"):
        from aegisdb.testing.keeping import Keeping

        config.pluginmanager.register(Keeping(), "aegisdb-keeping")


@pytest.fixture
def aegis_db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of this test's own: base schema, deploy files, histories at head; with the mark aegis_seeds, seeds."""
    level = _level(request)
    with _told():
        database = _run(request.config).take(level, more=_coming(request, level))
    yield database
    with _told():
        _give_back(request, level, database)


@pytest.fixture
def aegis_db_url(aegis_db: Database) -> Url:
    """The URL of aegis_db, `postgresql://...`."""
    return aegis_db.url


@pytest.fixture
def aegis_db_engine(aegis_db: Database) -> Iterator[Engine]:
    """An engine of SQLAlchemy with psycopg on aegis_db."""
    from sqlalchemy import create_engine

    engine = create_engine(aegis_db.url_for("psycopg"))
    yield engine
    engine.dispose()


@pytest.fixture
def aegis_db_async_engine(aegis_db: Database) -> AsyncEngine:
    """An asynchronous engine of SQLAlchemy with asyncpg on aegis_db; for any event loop."""
    from aegisdb.testing.asynchronous import async_engine

    return async_engine(aegis_db)


@pytest.fixture
def aegis_db_asyncpg(aegis_db: Database) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """Open connections of asyncpg to aegis_db: the value is called, and what it returns entered with `async with`."""
    from aegisdb.testing.asynchronous import asyncpg_connection

    return partial(asyncpg_connection, aegis_db)


@pytest.fixture
def aegis_db_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session of SQLAlchemy on a database that all tests share; all that a test does there is rolled back."""
    with _shared(request) as shared, shared.session() as session:
        yield session


@pytest.fixture
def aegis_db_async_session(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[], AbstractAsyncContextManager[AsyncSession]]]:
    """Open such sessions with asyncpg: the value is called, and what it returns entered with `async with`."""
    with _shared(request) as shared:
        yield shared.async_session


def _environ(config: pytest.Config) -> dict[str, str]:
    handed = cast("dict[str, dict[str, str]]", getattr(config, "workerinput", {}))
    return handed.get("aegis_environ") or config.stash.get(_ENVIRON, None) or dict(os.environ)


def _run(config: pytest.Config) -> Run:
    if _RUN not in config.stash:
        from aegisdb.testing.run import Run

        named = config.getini("aegis_registry")
        config.stash[_RUN] = Run(
            (config.rootpath / named,) if named else (config.rootpath, config.invocation_params.dir),
            _environ(config),
            target=config.getoption("--aegis-target") or config.getini("aegis_target"),
            ahead=int(config.getini("aegis_ahead")),
        )
        config.add_cleanup(config.stash[_RUN].close)
    return config.stash[_RUN]


def _level(request: pytest.FixtureRequest) -> Level:
    seeded = request.config.getini(_SEEDS) or request.node.get_closest_marker(_SEEDS)
    return "seeds" if seeded else "histories"


def _coming(request: pytest.FixtureRequest, level: Level) -> int:
    """How many other tests of this process will ask for a database of this level, as far as that is known."""
    stash = request.config.stash
    if _COMING not in stash:
        uses = [item for item in request.session.items if "aegis_db" in getattr(item, "fixturenames", ())]
        always = request.config.getini(_SEEDS)
        seeded = sum(bool(always or item.get_closest_marker(_SEEDS)) for item in uses)
        # a worker has all tests, and runs its share of them
        workers = getattr(request.config, "workerinput", {}).get("workercount", 1)
        stash[_COMING] = {"seeds": -(-seeded // workers), "histories": -(-(len(uses) - seeded) // workers)}
    stash[_COMING][level] -= 1
    return max(0, stash[_COMING][level])


@contextmanager
def _shared(request: pytest.FixtureRequest) -> Iterator[SharedDatabase]:
    run, level = _run(request.config), _level(request)
    with _told():
        shared = run.shared(level)
    yield shared
    with _told():
        run.renew_if_spoiled(level)


def _give_back(request: pytest.FixtureRequest, level: Level, database: Database) -> None:
    stock = _run(request.config).stock(level)
    keeping = request.config.pluginmanager.get_plugin("aegisdb-keeping")
    if keeping is None or not keeping.has_failed(request.node):
        stock.drop(database.address)
        return
    kept = stock.keep(database.address, made_for=f"test {request.node.nodeid}")
    keeping.note(request.node, kept)


@contextmanager
def _told() -> Iterator[None]:
    """An error of ours as its message and hint; where it was raised would tell the reader nothing."""
    from aegisdb.errors import AegisError

    try:
        yield
    except AegisError as error:
        told = "\n".join(filter(None, (f"error[{error.code}]: {error.message}", error.where, error.hint)))
        pytest.fail(told, pytrace=False)
