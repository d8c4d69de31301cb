"""Services share a copy in which their models are built; who leaves something there gets one of his own."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError
from aegisdb.models import comparison
from aegisdb.models.both_sides import BothSides
from aegisdb.models.comparison import compare_models
from aegisdb.models.copies import Copies
from aegisdb.postgres.address import Address
from aegisdb.revisions.load import good_histories
from aegisdb.workspace import open_workspace
from tests.models.both_ways import assert_both_ways_are_one
from tests.monorepo import Rev, Svc, build_monorepo, table

MODEL = """

class Thing(Base):
    __tablename__ = "{name}_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""
EVENT = """

def made(target, connection, **_):
    {does}

sa.event.listen(Thing.__table__, "after_create", made)
"""
ELSEWHERE = """
    with sa.create_engine(connection.engine.url).begin() as other:
        other.exec_driver_sql("CREATE TABLE {name}_side (id int)")
"""
COMMIT = 'connection.exec_driver_sql("COMMIT")'
FUNCTION = """
    connection.exec_driver_sql("CREATE FUNCTION {name}_one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    connection.exec_driver_sql("ALTER TABLE {name}_t ADD COLUMN more int DEFAULT {name}_one()")
"""


def service(name: str, *, does: str = "", env: str = "sync") -> Svc:
    revisions = (Rev(id=f"{name}1", up=table(f"{name}_t"), down=f'op.drop_table("{name}_t")'),)
    models = MODEL + (EVENT.replace("{does}", does) if does else "")
    return Svc(revisions=revisions, models=models.replace("{name}", name), env=env)


def test_what_stays_in_a_copy_is_noticed(tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    services = {
        "elsewhere": service("elsewhere", does=ELSEWHERE),
        "commits": service("commits", does=COMMIT),
        "plain": service("plain"),
        "asynchronous": service("asynchronous", env="async"),
        "outer": service("outer", env="outer"),
        "function": service("function", does=FUNCTION),
    }
    root = build_monorepo(tmp_path, services, url=database.url())
    ws = open_workspace(cwd=root)
    there, histories = proving(ws), good_histories(ws.registry)
    source = template(there, "histories")
    sides, alone = BothSides(there, source, ws), []
    with closing(Copies(there.address(), source, "models")) as copies:
        for name, history in histories.items():
            try:
                with copies.one() as copy:
                    sides.tried(history, copy)
            except AegisError:
                alone.append(name)
    assert alone == ["elsewhere", "commits"]

    def compared() -> dict[str, object]:
        shutil.rmtree(ws.registry.state / "cache", ignore_errors=True)
        return {name: str(found) for name, found in compare_models(ws, [*histories.values()]).items()}

    shared = compared()
    assert "elsewhere_side" in str(shared["elsewhere"])
    assert "function_one" in str(shared["function"])
    monkeypatch.setattr(comparison, "_at_once", lambda _: 4)
    assert compared() == shared
    monkeypatch.setenv("AEGIS_COPY_EACH", "1")
    monkeypatch.setattr(BothSides, "tried", None)
    assert compared() == shared


def test_both_ways_find_the_same_of_types_and_of_services_without_owns(tmp_path: Path, database: Address) -> None:
    kinds = """

class Kind(Base):
    __tablename__ = "{name}_k"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    mood: Mapped[str] = mapped_column(sa.Enum("a", "b", name="{name}_mood"), comment="how")
    thing_id: Mapped[int] = mapped_column(sa.ForeignKey("{name}_t.id"))
"""
    made = "\n".join(
        (
            "op.execute(\"CREATE TYPE {name}_mood AS ENUM ('a')\")",
            "op.execute('CREATE TABLE {name}_t (id bigint PRIMARY KEY)')",
            "op.execute('CREATE TABLE {name}_k (id serial PRIMARY KEY, mood {name}_mood, old int)')",
            "op.execute('CREATE VIEW {name}_v AS SELECT id FROM {name}_k')",
            "op.execute('CREATE SEQUENCE {name}_free')",
            "op.execute('CREATE FUNCTION {name}_f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$')",
            "op.execute('CREATE INDEX {name}_i ON {name}_k (old)')".replace("", ""),
            "op.execute('GRANT SELECT ON {name}_k TO PUBLIC')",
        )
    )
    services = {
        name: Svc(
            revisions=(Rev(id=f"{name}1", up=made.replace("{name}", name)),),
            models=(MODEL + kinds).replace("{name}", name),
            owns=owns,
        )
        for name, owns in {"one": None, "two": ("two_t", "two_k"), "open": ()}.items()
    }
    root = build_monorepo(tmp_path, services, url=database.url())
    assert_both_ways_are_one(root)


WIDE = """
for n in range({first}, {first} + 60):
    op.execute(f"CREATE TABLE wide_{n} (id int) PARTITION BY RANGE (id)")  # no file of its own, and locks as any other
    op.execute(f"DO $$ BEGIN FOR i IN 1..90 LOOP CREATE INDEX ON wide_{n} (id); END LOOP; END $$")
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_more_tables_than_one_transaction_has_locks_for(tmp_path: Path, database: Address) -> None:
    """Dropping these locks 27,000 objects and more; this server has room for some 13,000."""
    revisions = tuple(Rev(id=f"w{n}", up=WIDE.replace("{first}", str(60 * n))) for n in range(5))
    build_monorepo(tmp_path, {"wide": Svc(revisions=revisions)}, url=database.url())
    ws = open_workspace(cwd=tmp_path)
    found = compare_models(ws, [*good_histories(ws.registry).values()])["wide"]
    assert not isinstance(found, AegisError), found.message
    assert found.not_built == {}
    assert sum(change.object.startswith("table ") for change in found.changes) == 300
