"""`ci` on a server of the project's own, where seeds are proven beside the other stages."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.workspace import open_workspace
from tests.invoke import invoke
from tests.lint.repository import commit
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import free_port
from tests.running import children, eventually, gone, running

pytestmark = pytest.mark.timeout(900)
_PATIENCE = 400  # seconds: on a loaded machine a run of all stages takes long
ONE_BY_ONE = {"AEGIS_WAIT_FOR_DROPS": "1"}
HOME = "services/shop"
MODELS = """
class Item(Base):
    __tablename__ = "shop_items"
    id = sa.Column(sa.BigInteger, primary_key=True, autoincrement=False)
"""
SHOP = Svc(
    revisions=(Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),),
    models=MODELS,
    more={"seeds": [{"module": "first", "fills": ["shop_items"]}, {"module": "second", "fills": ["shop_items"]}]},
)
SEED = """\
import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("INSERT INTO shop_items (id) VALUES ({}) ON CONFLICT DO NOTHING")
"""
AGAIN = SEED.replace("({}) ON CONFLICT DO NOTHING", "(SELECT max(id) + 1 FROM shop_items)").replace("VALUES", "")
SLEEPS = SEED.format(2) + "    open('began', 'w').close()\n    conn.execute('SELECT pg_sleep(600)')\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A service with two seeds and a deploy file, after `db.reset`."""
    port = free_port()
    made = build_monorepo(
        tmp_path_factory.mktemp("ci"),
        {"shop": SHOP},
        database={"deploy": "sql/deploy"},
        extra={"project": f"ci{port}", "targets": {"local": {"server": "embedded", "port": port}}},
    )
    (made / "sql/deploy").mkdir(parents=True)
    (made / "sql/deploy/one.sql").write_text("CREATE TABLE IF NOT EXISTS one (id int);\n")
    for number, name in enumerate(("first", "second"), 1):
        (made / HOME / f"{name}.py").write_text(SEED.format(number))
    commit(made)
    ran = invoke("db.reset", cwd=made, timeout=_PATIENCE)
    assert ran.code == 0, ran.err
    yield made
    open_workspace(cwd=made, environ={}, command="db.reset").server.stop(destroy=True)


@pytest.fixture
def second(root: Path) -> Iterator[Path]:
    """The second seed, as it was when the test ends."""
    seed = root / HOME / "second.py"
    before = seed.read_text()
    yield seed
    seed.write_text(before)


def nothing_left(root: Path) -> bool:
    """Whether all databases of proofs are gone."""
    ws = open_workspace(cwd=root, environ={}, command="db.reset")
    sql = "SELECT datname FROM pg_database WHERE datname LIKE '%scratch%'"
    with databases.maintenance(ws.address()) as conn:
        return eventually(lambda: not conn.rows(sql))


def told(text: str) -> list[str]:
    """Lines about stages and seeds, without their times."""
    lines = [line.strip() for line in text.splitlines()]
    return [re.sub(r"  +[0-9.]+ m?s$", "", line) for line in lines if line.startswith(("ci ", "prove ", "error"))]


@pytest.mark.parametrize("body", [AGAIN, "raise SystemExit(3)\n"], ids=["appends", "fails"])
def test_it_tells_the_same_as_one_stage_after_the_other(root: Path, second: Path, body: str) -> None:
    second.write_text(body)
    beside, one = (invoke("ci", "--again", cwd=root, env=env, timeout=_PATIENCE) for env in ({}, ONE_BY_ONE))
    assert beside.code == one.code, beside.err
    assert told(beside.err) == told(one.err)
    stages = [line.split()[1] for line in told(beside.err) if line.startswith("ci ")]
    assert stages[-2:] == ["seed.prove", "deploy.prove"], beside.err
    assert nothing_left(root)


@pytest.mark.parametrize(("number", "code", "whole"), [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)])
def test_a_signal_ends_seeds_that_run_beside(
    root: Path, second: Path, number: signal.Signals, code: int, *, whole: bool
) -> None:
    """A terminal's Ctrl-C reaches the whole group, another program's SIGTERM the command alone."""
    second.write_text(SLEEPS)
    began = root / HOME / "began"
    began.unlink(missing_ok=True)
    with running(root, "ci", "--again") as run:
        assert eventually(began.exists, _PATIENCE)
        below = children(run.pid)
        assert below
        if whole:
            os.killpg(run.pid, number)
        else:
            run.send_signal(number)
        _, err = run.communicate(timeout=_PATIENCE)
    assert run.returncode == code, err
    assert eventually(lambda: gone(below))
    assert nothing_left(root)


def test_both_processes_remember_what_they_proved(root: Path) -> None:
    for path in (root / ".aegisdb").glob("proven.json"):
        path.unlink()
    first = invoke("ci", cwd=root, timeout=_PATIENCE)
    assert first.code == 0, first.err
    again = invoke("ci", cwd=root, timeout=_PATIENCE)
    assert again.code == 0, again.err
    assert again.out.count("not run again") == 3  # roundtrip, seed.prove, deploy.prove
