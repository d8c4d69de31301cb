"""Each pair of tasks that write, started at the same moment: both end well or say who is at work, and nothing is torn.

Rounds: 3 in CI, 1 elsewhere, or AEGISDB_ROUNDS (the table of docs/faults.md has 20).
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from aegisdb.postgres import databases
from tests.postgres_server import TestServer
from tests.running import eventually, nothing_left
from tests.workflows.project import Project, project

ROUNDS = int(os.environ.get("AEGISDB_ROUNDS") or (3 if os.environ.get("CI") else 1))
WRITERS = (
    "db.reset",
    "db.snapshot kept",
    "db.restore before",
    "migrate.apply",
    "migrate.rollback --service shop --yes",
    "migrate.new --service shop -m more --empty",
    "seed.run",
    "deploy.apply",
)
PAIRS = (
    *itertools.combinations_with_replacement(WRITERS, 2),
    ("db.reset --disconnect", "db.restore before --disconnect"),
    ("db.snapshot kept --disconnect", "db.reset"),
    ("db.snapshot kept --disconnect", "migrate.apply"),
)
DONE, REFUSED, BUSY, DIFFERENT, UNREACHABLE = 0, 3, 4, 6, 7
"""Refused: the snapshot is there already, or a session of the other one is in the database. Different: something is
pending, so a seed does not run."""


@pytest.fixture
def shop(shop: Project) -> Project:
    """A project that is at head, with a snapshot of that."""
    return _prepared(shop)


@pytest.fixture(scope="module")
def shared(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Such a project for all pairs: each leaves it at head, whatever the one before had made."""
    address = server.address.with_database(f"t_{uuid.uuid4().hex[:12]}")
    with databases.maintenance(address) as conn:
        databases.create(conn, address.database)
    with project(tmp_path_factory.mktemp("pairs"), address) as made:
        yield _prepared(made)
    with databases.maintenance(address) as conn:
        databases.drop(conn, address.database, force=True)


def _prepared(shop: Project) -> Project:
    seed = shop.root / "services" / "shop" / "seed.sql"
    seed.write_text("INSERT INTO shop_items VALUES (1, 10), (2, 20) ON CONFLICT DO NOTHING;\n")
    assert (done := shop.invoke("db.prepare")).code == 0, done.err
    assert (done := shop.invoke("db.snapshot", "before")).code == 0, done.err
    return shop


@pytest.mark.slow
@pytest.mark.timeout(120 + 120 * ROUNDS)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_writers_at_once(shared: Project, one: str, other: str) -> None:
    shop = shared
    for _ in range(ROUNDS):
        if f"{shop.address.database}__snap_kept" in shop.databases():  # that of the round before would be refused
            assert (done := shop.invoke("db.drop-snapshot", "kept")).code == DONE, done.err
        with ThreadPoolExecutor() as at_once:
            runs = list(at_once.map(lambda words: shop.invoke(*words.split(), timeout=100), (one, other)))
        codes, told = [run.code for run in runs], [run.err for run in runs]
        fine = {DONE, REFUSED, BUSY, DIFFERENT}
        if "--disconnect" in one and any("error[lost]" in err for err in told):
            fine.add(UNREACHABLE)  # a session that looked was ended, as was asked for
        assert set(codes) <= fine, (codes, told)
        assert DONE in codes, (codes, told)
        assert (again := shop.invoke("migrate.apply")).code == DONE, (codes, told, again.err)
        states = shop.invoke("migrate.status", "--format", "json").json["services"]
        assert [(service["state"], len(service["head"])) for service in states] == [("at head", 1)], (codes, told)
        assert shop.orphans() == ()
        assert eventually(lambda: nothing_left(shop.address))


@pytest.mark.slow
@pytest.mark.timeout(120 + 120 * ROUNDS)
def test_two_new_revisions_are_one_line(shop: Project) -> None:
    """Every round makes two files, and the second stands on the first."""
    words = ("migrate.new", "--service", "shop", "-m", "more", "--empty", "--format", "json")
    for number in range(1, max(ROUNDS, 5) + 1):
        with ThreadPoolExecutor() as at_once:
            runs = list(at_once.map(lambda _: shop.invoke(*words, timeout=100), range(2)))
        assert [run.code for run in runs] == [DONE, DONE], [run.err for run in runs]
        (service,) = shop.invoke("migrate.status", "--format", "json").json["services"]
        assert (len(service["head"]), service["pending"]) == (1, 2 * number)
