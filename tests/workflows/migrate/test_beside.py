"""What commands do side by side on a server of the project's own, against the same one after the other."""

# ruff: noqa: S608  the SQL is ours
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.workspace import open_workspace
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.postgres_server import free_port
from tests.running import eventually

ONE_BY_ONE = {"AEGIS_PLAN_ONE_BY_ONE": "1", "AEGIS_WAIT_FOR_DROPS": "1"}
INIT = {"sql/base.sql": "CREATE TABLE accounts (id bigint PRIMARY KEY);\nINSERT INTO accounts VALUES (1), (2);\n"}
MODELS = """
class Item(Base):
    __tablename__ = "e_t0"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    account: Mapped[int | None] = mapped_column(sa.ForeignKey("accounts.id"))
    n: Mapped[int | None]
    {more}


sa.Table("accounts", Base.metadata, sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False))
"""
MORE = 'extra: Mapped[str | None]\n    __table_args__ = (sa.CheckConstraint("n > 0", name="e_t0_n_check"),)'
LESS = '__table_args__ = (sa.CheckConstraint("n > 0", name="e_t0_n_check"),)'


def history(name: str, other: str = "") -> tuple[Rev, ...]:
    """A table, then others and changes of the first; the last one names a table of another service."""
    first = f"{name}_t0"
    made = [Rev(id=f"{name}00", up=table(first, "account bigint REFERENCES accounts", "n int CHECK (n > 0)"))]
    for number in range(1, 11):
        up = table(f"{name}_t{number}", f"up_id bigint REFERENCES {first}") + (
            f'\nop.execute("ALTER TABLE {name}_t{number} ADD CHECK (id > 0)")'
            f'\nop.execute("INSERT INTO {name}_t{number} (id) VALUES ({number})")'
        )
        made.append(Rev(id=f"{name}{number:02}", up=up, down=f'op.drop_table("{name}_t{number}")'))
    if other:
        made.append(Rev(id=f"{name}99", up=f'op.execute("UPDATE {other}_t0 SET n = 3")'))
    return tuple(made)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Five services with 37 revisions; `d` knows of `a`, the others of nobody."""
    port = free_port()
    services = {name: Svc(revisions=history(name)) for name in "abc"}
    services["e"] = Svc(revisions=history("e")[:1], models=MODELS.format(more=LESS))
    known = history("d", "a")
    services["d"] = Svc(revisions=(*known[:2], known[-1]), after=("a",))
    more = {"project": f"beside{port}", "targets": {"local": {"server": "embedded", "port": port}}}
    made = build_monorepo(tmp_path_factory.mktemp("beside"), services, init=INIT, extra=more)
    ran = invoke("db.up", cwd=made)
    assert ran.code == 0, ran.err
    ws = open_workspace(cwd=made, environ={}, command="db.reset")
    with databases.maintenance(ws.address()) as conn:
        databases.create(conn, "aegis")
    with connect(ws.address()) as conn:
        conn.execute(INIT["sql/base.sql"])
    yield made
    ws.server.stop(destroy=True)


def scratch_of(root: Path) -> tuple[str, ...]:
    ws = open_workspace(cwd=root, environ={}, command="db.reset")
    with databases.maintenance(ws.address()) as conn:
        return tuple(name for (name,) in conn.rows("SELECT datname FROM pg_database WHERE datname LIKE '%scratch%'"))


def both_ways(root: Path, *words: str) -> tuple[Ran, Ran]:
    """The command side by side, and one after the other; neither leaves a database."""
    ran = tuple(invoke(*words, cwd=root, env=env) for env in ({}, ONE_BY_ONE))
    told = [(one.code, one.err[-600:]) for one in ran]
    assert eventually(lambda: not scratch_of(root)), (scratch_of(root), told)
    return ran[0], ran[1]


def untimed(value: Any) -> Any:
    """JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {key: untimed(one) for key, one in value.items() if "seconds" not in key and key != "duration"}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def test_a_plan_in_parts_is_that_of_one_after_the_other(root: Path) -> None:
    parts, one = both_ways(root, "migrate.plan", "--format", "json")
    assert parts.code == one.code == 0, parts.err
    assert untimed(parts.json) == untimed(one.json)
    told = [f"{each['service']} {each['revision']}" for each in parts.json["result"]["revisions"]]
    assert len(told) == 37
    assert told.index("a a10") < told.index("d d99")


def test_a_plan_in_parts_fails_as_one_after_the_other(root: Path) -> None:
    broken = write_revision(root / "services/c", Rev(id="c11", up='op.execute("SELECT 1 / 0")'), "c10")
    try:
        parts, one = both_ways(root, "migrate.plan", "--format", "json")
    finally:
        broken.unlink()
    assert parts.code == one.code != 0
    assert untimed(parts.json) == untimed(one.json)
    assert parts.json["result"]["failed"] == "c c11"
    assert ["again in one piece" in ran.err for ran in (parts, one)] == [True, False]


def test_a_revision_written_beside_is_that_of_one_after_the_other(root: Path) -> None:
    home = root / "services/e"
    models = next(path for path in home.rglob("*.py") if "class Item" in path.read_text())
    before, files = models.read_text(), set(home.rglob("*.py"))
    texts, told = [], []
    try:
        models.write_text(before.replace(LESS, MORE))
        for env in ({}, ONE_BY_ONE):
            ran = invoke("migrate.new", "--service", "e", "-m", "extra", "--format", "json", cwd=root, env=env)
            assert ran.code == 0, ran.err
            assert ran.json["result"]["proven"] is True
            (path,) = set(home.rglob("*.py")) - files
            identifier = ran.json["result"]["revision"]
            texts.append([line for line in path.read_text().splitlines() if "Date" not in line])
            texts[-1] = [line.replace(identifier, "ID") for line in texts[-1]]
            told.append(json.dumps(untimed(ran.json)).replace(identifier, "ID"))
            path.unlink()
    finally:
        models.write_text(before)
    assert texts[0] == texts[1]
    assert told[0] == told[1]
    assert eventually(lambda: not scratch_of(root))
