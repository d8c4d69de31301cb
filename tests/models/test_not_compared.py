"""What cannot be built is told alone: tables around it are built and compared."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import BASE, HEAD
from tests.monorepo import Rev, Svc, build_monorepo

TABLES = (
    "CREATE TABLE shop_pools (id serial PRIMARY KEY, queue_id int)",
    "CREATE TABLE shop_queues (id serial PRIMARY KEY, pool_id int CONSTRAINT q REFERENCES shop_pools)",
    "ALTER TABLE shop_pools ADD CONSTRAINT p FOREIGN KEY (queue_id) REFERENCES shop_queues",
    "CREATE TABLE shop_flows (id serial PRIMARY KEY, name varchar)",
    "CREATE TABLE shop_runs (id serial PRIMARY KEY, flow_id int REFERENCES shop_flows, started timestamp)",
)
ID = 'Column("id", sa.Integer, primary_key=True)'
MODELS = '''

class Pool(Base):
    __tablename__ = "shop_pools"
    id: Mapped[int] = mapped_column(primary_key=True)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("shop_queues.id", name="p"))


class Queue(Base):
    __tablename__ = "shop_queues"
    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int | None] = mapped_column(ForeignKey("shop_pools.id", name="q"))


class Flow(Base):
    """Its index is written by hand in the revisions of such a project, with an operator class of an extension."""

    __tablename__ = "shop_flows"
    __table_args__ = (Index("trigrams", "name", postgresql_using="gin"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]


class Run(Base):
    __tablename__ = "shop_runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    flow_id: Mapped[int | None] = mapped_column(ForeignKey("shop_flows.id"))
'''


def test_an_index_that_cannot_be_built_keeps_no_other_table_from_being_compared(
    tmp_path: Path, database: Address
) -> None:
    up = "\n".join(f'op.execute("{sql}")' for sql in TABLES)
    revision = Rev(id="s1", up=up, down='op.execute("DROP TABLE shop_pools, shop_queues, shop_runs, shop_flows")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=database.url())
    (root / "services" / "shop" / "models.py").write_text(HEAD + BASE + MODELS)
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    assert ran.code == 6
    told = {error["code"]: error["message"] for error in ran.json["errors"]}
    assert len(ran.json["errors"]) == 2, told
    assert "table public.shop_flows of the models was not compared" in told["not_compared"]
    assert 'no default operator class for access method "gin"' in told["not_compared"]
    assert "shop_runs.started" in told["models"]
    assert [(len(row["models"]), row["not_compared"]) for row in ran.json["services"]] == [(2, 1)]
    text = invoke("migrate.verify", cwd=root)
    assert "1 differ, 1 not compared" in text.out


def test_an_index_that_cannot_be_built_keeps_no_table_from_it_that_needs_its_table(
    tmp_path: Path, database: Address
) -> None:
    made = (*TABLES, "CREATE INDEX of_pool ON shop_queues (pool_id)", "CREATE INDEX of_queue ON shop_pools (queue_id)")
    up = "\n".join(f'op.execute("{sql}")' for sql in made)
    revision = Rev(id="s1", up=up, down='op.execute("DROP TABLE shop_pools, shop_queues, shop_runs, shop_flows")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=database.url())
    good, bad = (
        'Index("of_queue", "queue_id"),',
        'Index("of_pool", "pool_id"), Index("bad", "pool_id", postgresql_using="gin")',
    )
    models = MODELS.replace('"shop_pools"\n', f'"shop_pools"\n    __table_args__ = ({good})\n')
    models = models.replace('"shop_queues"\n', f'"shop_queues"\n    __table_args__ = ({bad})\n')
    (root / "services" / "shop" / "models.py").write_text(HEAD + BASE + models)
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    told = [(error["code"], error["message"].splitlines()[0]) for error in ran.json["errors"]]
    assert [code for code, _ in told].count("not_compared") == 2, told
    assert not [message for _, message in told if "shop_pools" in message], "it was built, with its index"
    assert len(told) == 3, told


def test_a_table_that_two_metadata_have_and_a_name_that_is_too_long(tmp_path: Path, database: Address) -> None:
    """Of the first only one was made; for the second env.py was said to have failed, and nothing was compared."""
    made = [f"CREATE TABLE shop_{name} (id serial PRIMARY KEY)" for name in ("runs", "flows", "pools")]
    up = "\n".join(f'op.execute("{sql}")' for sql in made)
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(Rev(id="s1", up=up),))}, url=database.url())
    env = root / "services" / "shop" / "alembic" / "env.py"
    env.write_text(env.read_text().replace("models.Base.metadata", "[models.Base.metadata, models.more]"))
    models = (
        f'Table("shop_runs", Base.metadata, {ID})\nTable("shop_pools", Base.metadata, {ID}, Column("a", Text))',
        'more = MetaData()\nTable("shop_runs", more, Column("other", Text))',
        f'Table("shop_flows", more, {ID}, Index("{"x" * 64}", "id"))',
    )
    (root / "services" / "shop" / "models.py").write_text(HEAD + BASE + "\n\n" + "\n".join(models) + "\n")
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    told = sorted((error["code"], error["where"], error["message"]) for error in ran.json["errors"])
    assert [one[:2] for one in told] == [
        ("models", "column public.shop_pools.a"),
        ("not_compared", "public.shop_flows"),
        ("not_compared", "public.shop_runs"),
    ]
    assert "exceeds maximum length of 63 characters" in told[1][2]
    assert "two of the MetaData that env.py gives have it" in told[2][2]
