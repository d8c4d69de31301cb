"""The usual mistakes, each made for real, and the hint that leads out; what was advised works."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import ASYNC, SYNC, Rev, Svc, build_monorepo, table

AGE = "op.execute(\"LOAD 'age'\")\n"
TRAPS = {
    "bind": ("op.execute(\"SELECT '(w)-[' || $$[:OPERATES]$$ || ':x'\")", r"write \:OPERATES"),
    "long id": ("pass", "the revision id has 42 characters"),
    "type of a column": (
        'op.add_column("a_t", sa.Column("mood", sa.Enum("up", "down", name="a_mood")))',
        'sa.Enum(..., name="a_mood").create(op.get_bind())',
    ),
    "no extension": ('op.execute("ALTER TABLE a_t ADD e vector(3)")', "CREATE EXTENSION IF NOT EXISTS vector"),
    "extension without files": ('op.execute("CREATE EXTENSION pgcrypto")', "`bindir:` of a PostgreSQL that has it"),
    "empty search_path": (
        "op.execute(\"SELECT pg_catalog.set_config('search_path', '', false)\")",
        "search_path in which the version table is not found",
    ),
    "another's table": ('op.execute("CREATE VIEW a_v AS SELECT * FROM b_t")', "write `after: [b]` under a"),
}
AGE_TRAPS = {
    "no LOAD": (
        "op.execute(\"SELECT * FROM ag_catalog.cypher('graph', $$ MATCH (n) RETURN n $$) AS (n ag_catalog.agtype)\")",
        "op.execute(\"LOAD 'age'\")",
    ),
    "no ag_catalog": (
        AGE + "op.execute(\"SELECT create_vlabel('graph', 'Well')\")",
        "SET LOCAL search_path = ag_catalog",
    ),
    "label below public": (
        AGE + 'op.execute("SET LOCAL search_path = public")\n'
        "op.execute(\"SELECT ag_catalog.create_vlabel('graph', 'Well')\")",
        "SET LOCAL search_path = ag_catalog",
    ),
}


def failing(root: Path, database: Address, up: str, *, identifier: str = "a2", **more: object) -> Ran:
    """An apply whose second revision does this."""
    first = Rev(id="a1", up=table("a_t"))
    a = Svc(revisions=(first, Rev(id=identifier, up=up)), **more)  # type: ignore[arg-type]
    b = Svc(revisions=(Rev(id="b1", up=table("b_t")),))
    build_monorepo(root, {"a": a, "b": b}, url=database.url())
    ran = invoke("migrate.apply", cwd=root)
    assert ran.code == 1, ran.out + ran.err
    return ran


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_has_a_hint(database: Address, tmp_path: Path, trap: str) -> None:
    up, hint = TRAPS[trap]
    identifier = "a" * 42 if trap == "long id" else "a2"
    assert hint in failing(tmp_path, database, up, identifier=identifier).last


def test_a_proof_gives_the_same_hints(database: Address, tmp_path: Path) -> None:
    services, hints = {}, {}
    for number, (trap, (up, hint)) in enumerate(TRAPS.items()):
        name = f"a{number}"
        hints[name] = hint.replace('"a_', f'"{name}_').removesuffix(" under a")
        identifier = "a" * 42 if trap == "long id" else f"{name}2"
        revisions = (Rev(id=f"{name}1", up=table(f"{name}_t")), Rev(id=identifier, up=up.replace("a_", f"{name}_")))
        services[name] = Svc(revisions=revisions)
    services["b"] = Svc(revisions=(Rev(id="b1", up=table("b_t")),))
    root = build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.roundtrip", "--all", "--format", "json", cwd=root)
    told = {name: [e["hint"] for e in ran.json["errors"] if e["message"].startswith(f"{name} ")] for name in hints}
    assert {name: told[name] for name, hint in hints.items() if not any(hint in one for one in told[name])} == {}


@pytest.mark.parametrize("trap", AGE_TRAPS)
def test_a_trap_of_age_has_a_hint(database: Address, tmp_path: Path, trap: str) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        try:
            conn.execute("CREATE EXTENSION age")
        except psycopg.Error as error:
            pytest.skip(str(error))
        conn.execute("LOAD 'age'")
        conn.execute("SET search_path = ag_catalog, public")
        conn.execute("SELECT create_graph('graph')")
    up, hint = AGE_TRAPS[trap]
    assert hint in failing(tmp_path, database, up).last


def test_what_is_in_public_is_named_in_full_below_a_schema(database: Address, tmp_path: Path) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector")
    ran = failing(tmp_path, database, 'op.execute("CREATE TABLE a_e (e vector(3))")', more={"schema": "own"})
    assert "write public.vector" in ran.last


def test_a_block_below_a_transaction_of_env_py(database: Address, tmp_path: Path) -> None:
    up = 'with op.get_context().autocommit_block():\n    op.execute("SELECT 1")'
    env = SYNC.replace("engine.connect()", "engine.begin()").replace(
        "with context.begin_transaction():\n        context.run_migrations()", "context.run_migrations()", 1
    )
    ran = failing(tmp_path, database, up, env=env)
    assert "engine.connect() instead of engine.begin() in" in ran.last


ANOTHERS = """
class Mine(Base):
    __tablename__ = "a_t"
    id: Mapped[int] = mapped_column(primary_key=True)
    other: Mapped[int | None] = mapped_column(sa.ForeignKey("b_t.id"))
"""


def test_a_foreign_key_to_a_table_that_only_another_service_declares(database: Address, tmp_path: Path) -> None:
    a, b = Svc(models=ANOTHERS), Svc(revisions=(Rev(id="b1", up=table("b_t")),))
    root = build_monorepo(tmp_path, {"a": a, "b": b}, url=database.url())
    new = ("migrate.new", "--service", "a", "-m", "make it")
    ran = invoke(*new, cwd=root)
    assert ran.code == 1
    assert 'Table("b_t", metadata, Column("id", ...))' in ran.last
    models = root / "services" / "a" / "models.py"
    models.write_text(f"{models.read_text()}\nsa.Table('b_t', Base.metadata, sa.Column('id', sa.BigInteger))\n")
    ran = invoke(*new, cwd=root)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    "hook", ["type = console_scripts\nx.entrypoint = no-such-tool", "type = exec\nx.executable = no-such-tool"]
)
def test_a_hook_that_is_not_installed(database: Address, tmp_path: Path, hook: str) -> None:
    root = build_monorepo(tmp_path, {"a": Svc(revisions=(Rev(id="a1", up=table("a_t")),))}, url=database.url())
    ini = root / "services" / "a" / "alembic.ini"
    ini.write_text(f"{ini.read_text()}\n[post_write_hooks]\nhooks = x\nx.{hook}\n")
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.new", "--service", "a", "-m", "more of it", "--empty", cwd=root)
    assert ran.code == 1
    assert "post-write hook is not there: install no-such-tool" in ran.last


ASKS = SYNC.replace("import models", 'import models\n\nTENANT = context.get_x_argument(as_dictionary=True)["tenant"]')


def test_arguments_of_the_command_line_are_in_the_registry(database: Address, tmp_path: Path) -> None:
    ran = failing(tmp_path, database, "pass", env=ASKS)
    assert "as `x: {NAME: VALUE}`" in ran.last
    registry = tmp_path / "services.yaml"
    text = registry.read_text()
    build_monorepo(tmp_path, {"a": Svc(env=ASKS, revisions=(Rev(id="a1", up=table("a_t")),))}, url=database.url())
    document = json.loads(text)
    document["services"]["a"]["alembic"]["x"] = {"tenant": "of a=b"}
    registry.write_text(json.dumps(document))
    assert invoke("migrate.apply", "--service", "a", cwd=tmp_path).code == 0


@pytest.mark.parametrize(("env", "driver", "works"), [(SYNC, "asyncpg", "psycopg"), (ASYNC, "psycopg2", "asyncpg")])
def test_driver_and_engine_are_both_asynchronous_or_neither(
    database: Address, tmp_path: Path, env: str, driver: str, works: str
) -> None:
    ran = failing(tmp_path, database, "pass", env=env, alembic={"driver": driver})
    assert f"write `driver: {works}` (or psycopg" in ran.last
    registry = tmp_path / "services.yaml"
    registry.write_text(registry.read_text().replace(f'"{driver}"', f'"{works}"'))
    assert invoke("migrate.apply", "--service", "a", cwd=tmp_path).code == 0
