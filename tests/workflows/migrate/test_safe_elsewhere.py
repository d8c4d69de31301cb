"""migrate.new --safe on partitioned tables, for a service with a schema of its own, and on PostgreSQL 15."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.lint.repository import commit, git
from tests.monorepo import MODELS, Rev, Svc, build_monorepo, write_revision
from tests.postgres_server import TestServer
from tests.workflows.project import Project

TABLES = """
CREATE TABLE places (id bigint PRIMARY KEY);
CREATE TABLE events (id bigint, at bigint, kind text, size int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (0) TO (1000);
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM (1000) TO (2000);
CREATE TABLE visits (id bigint PRIMARY KEY, event bigint, at bigint, code text, place bigint, number int,
    CONSTRAINT visits_number UNIQUE NULLS NOT DISTINCT (number),
    CONSTRAINT visits_code UNIQUE (code), CONSTRAINT visits_place UNIQUE (place))
"""
BEFORE = """
class Place(Base):
    __tablename__ = "places"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str | None] = mapped_column(sa.Text)
    size: Mapped[int | None]
    __table_args__ = ({"postgresql_partition_by": "RANGE (at)"},)


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    event: Mapped[int | None] = mapped_column(sa.BigInteger)
    at: Mapped[int | None] = mapped_column(sa.BigInteger)
    code: Mapped[str | None] = mapped_column(sa.Text)
    place: Mapped[int | None] = mapped_column(sa.BigInteger)
    number: Mapped[int | None]
    __table_args__ = (
        sa.UniqueConstraint("code", name="visits_code"),
        sa.UniqueConstraint("place", name="visits_place"),
        sa.UniqueConstraint("number", name="visits_number", postgresql_nulls_not_distinct=True),
    )
"""
AFTER = """
class Place(Base):
    __tablename__ = "places"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.Text)
    size: Mapped[int | None]
    weight: Mapped[int]
    __table_args__ = (
        sa.CheckConstraint("size >= 0", name="events_size"),
        sa.Index("events_kind", "kind"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    event: Mapped[int | None] = mapped_column(sa.BigInteger)
    at: Mapped[int | None] = mapped_column(sa.BigInteger)
    code: Mapped[str | None] = mapped_column(sa.Text)
    place: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("places.id"))
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    __table_args__ = (
        sa.ForeignKeyConstraint(["event", "at"], ["events.id", "events.at"], name="visits_event"),
        sa.UniqueConstraint("code", "event", name="visits_code", deferrable=True),
        sa.UniqueConstraint("place", name="visits_place", postgresql_nulls_not_distinct=True),
        sa.UniqueConstraint("number", name="visits_number", postgresql_nulls_not_distinct=True),
        sa.Index("visits_at", "at"),
    )
"""
ROWS = """
INSERT INTO places SELECT generate_series(1, 300);
INSERT INTO events SELECT n, n % 2000 FROM generate_series(1, 3000) n;
INSERT INTO visits SELECT n, n, n % 2000, 'c' || n, n, n FROM generate_series(1, 300) n
"""
STEPS = [
    "expand: fill {}events.kind",
    "expand: add {}events.weight",
    "expand: fill {}events.weight",
    "expand: add number_new beside {}visits.number",
    "expand: fill number_new from {}visits.number",
    "expand: build visits_number for number_new of {}visits",
    "expand: build index visits_at of {}visits",
    "contract: refuse new NULLs in {}events.kind",
    "contract: validate that {}events.kind has no NULL",
    "contract: make {}events.kind NOT NULL",
    "contract: refuse new NULLs in {}events.weight",
    "contract: validate that {}events.weight has no NULL",
    "contract: make {}events.weight NOT NULL",
    "contract: add visits_code of {}visits",
    "contract: add visits_place of {}visits",
    "contract: add events_size of {}events for new rows",
    "contract: validate events_size of {}events",
    "contract: add visits_event of {}visits for new rows",
    "contract: validate visits_event of {}visits",
    "contract: add visits_place_fkey of {}visits for new rows",
    "contract: validate visits_place_fkey of {}visits",
    "contract: put number_new in the place of {}visits.number",
]
CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'visits'::regclass AND contype IN ('u', 'f') AND conparentid = 0
ORDER BY conname
"""

LEFT = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND conparentid = 0"
"""Before 18, VALIDATE leaves the constraint that a foreign key has for each partition it points at NOT VALID."""


@pytest.fixture
def old_database(older: TestServer) -> Iterator[Address]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(older.address.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
        yield older.address.with_database(name)
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def museum(root: Path, address: Address, schema: str | None, tables: str = TABLES) -> Project:
    up = [f"op.execute({sql.strip()!r})" for sql in tables.split(";")]
    down = "op.execute('DROP TABLE IF EXISTS visits, events, places')"
    revisions = (Rev(id="m1", up="\n".join(up), down=down),)
    owns = ("places", "events", "events_*", "visits")
    service = Svc(revisions=revisions, models=BEFORE, owns=owns, schema=schema)
    build_monorepo(root, {"museum": service}, url=address.url())
    with databases.maintenance(address) as conn:
        markers.mark(conn, address.database, "test")
    return Project(root, address)


def follow(made: Project, models: str, *words: str) -> dict[str, Any]:
    (made.root / "services/museum/models.py").write_text(MODELS + models)
    new = ("migrate.new", "--service", "museum", "--safe", "-m", "follow", *words, "--format", "json")
    ran = made.invoke(*new)
    assert ran.code == 0, ran.err + ran.out
    result: dict[str, Any] = ran.json["result"]
    return result


def rows(address: Address, schema: str | None, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address.url(), autocommit=True, options=f"-c search_path={schema or 'public'}") as conn:
        cursor = conn.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def run(made: Project, *words: str) -> None:
    ran = made.invoke(*words)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("which", "schema"), [("database", None), ("old_database", "hall")], ids=["18", "15 and schema"]
)
def test_steps_of_partitioned_tables_and_changed_uniques(
    tmp_path: Path, request: pytest.FixtureRequest, which: str, schema: str | None
) -> None:
    address: Address = request.getfixturevalue(which)
    made, place = museum(tmp_path, address, schema), f"{schema}." if schema else ""
    run(made, "migrate.apply")
    for statement in ROWS.split(";"):
        rows(address, schema, statement)
    # a table of the service's own schema needs no schema here, as it needs none in its models
    result = follow(made, AFTER, "--fill", "events.kind='none'; events.weight=1")
    assert [f"{step['phase']}: {step['what']}" for step in result["steps"]] == [one.format(place) for one in STEPS]
    assert result["as_one"] == [f"{place}events is partitioned: its indexes and keys come in one piece"]
    assert result["proven"] is True
    assert [one for one in result["lint"] if one["path"] != result["path"]] == []
    run(made, "migrate.apply", "--phase", "expand")
    rows(address, schema, "INSERT INTO events (id, at) VALUES (9001, 1)")
    rows(address, schema, "DELETE FROM events WHERE id = 9001")
    run(made, "migrate.apply", "--accept", "contract")
    run(made, "migrate.verify")
    counts = "SELECT count(*), count(kind), sum(weight), count(*) FILTER (WHERE at < 1000) FROM events"
    assert rows(address, schema, counts) == [(3000, 3000, 3000, 1999)]
    assert rows(address, schema, CONSTRAINTS) == [
        ("visits_code", "UNIQUE (code, event) DEFERRABLE"),
        ("visits_event", "FOREIGN KEY (event, at) REFERENCES events(id, at)"),
        ("visits_number", "UNIQUE NULLS NOT DISTINCT (number)"),
        ("visits_place", "UNIQUE NULLS NOT DISTINCT (place)"),
        ("visits_place_fkey", "FOREIGN KEY (place) REFERENCES places(id)"),
    ]
    assert rows(address, schema, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert rows(address, schema, LEFT) == [(0,)]
    run(made, "migrate.rollback", "--service", "museum", "--to", "m1", "--yes")
    assert rows(address, schema, CONSTRAINTS) == [
        ("visits_code", "UNIQUE (code)"),
        ("visits_number", "UNIQUE NULLS NOT DISTINCT (number)"),
        ("visits_place", "UNIQUE (place)"),
    ]


UP = """
op.alter_column("events", "kind", existing_type=sa.Text(), nullable=False)
op.create_check_constraint("events_size", "events", "size >= 0")
op.create_index("visits_at", "visits", ["at"])
op.create_unique_constraint("visits_both", "visits", ["at", "code"])
op.create_foreign_key("visits_event", "visits", "events", ["event", "at"], ["id", "at"])
"""
DOWN = """
op.drop_constraint("visits_event", "visits", type_="foreignkey")
op.drop_constraint("visits_both", "visits", type_="unique")
op.drop_index("visits_at", "visits")
op.drop_constraint("events_size", "events", type_="check")
op.alter_column("events", "kind", existing_type=sa.Text(), nullable=True)
"""


def test_a_revision_of_a_service_with_a_schema_is_fixed_on_15(tmp_path: Path, old_database: Address) -> None:
    made = museum(tmp_path, old_database, "hall")
    run(made, "migrate.apply")
    for statement in ROWS.split(";"):
        rows(old_database, "hall", statement)
    commit(tmp_path)
    git(tmp_path, "switch", "-q", "-c", "stricter")
    path = write_revision(tmp_path / "services/museum", Rev(id="m2", up=UP, down=DOWN), "m1")
    ran = made.invoke("migrate.lint", "--fix", "--fill", "events.kind='none'", "--format", "json")
    (fixed,) = ran.json["result"]["fixed"]
    assert (fixed["why"], fixed["removed"], path.exists()) == ("", True, False)
    assert (ran.code, ran.json["result"]["findings"]) == (0, [])
    assert [step["what"] for step in fixed["steps"]] == [
        "fill hall.events.kind",
        "build index visits_at of hall.visits",
        "refuse new NULLs in hall.events.kind",
        "validate that hall.events.kind has no NULL",
        "make hall.events.kind NOT NULL",
        "add visits_both of hall.visits",
        "add events_size of hall.events for new rows",
        "validate events_size of hall.events",
        "add visits_event of hall.visits for new rows",
        "validate visits_event of hall.visits",
    ]
    run(made, "migrate.apply", "--accept", "contract")
    assert rows(old_database, "hall", "SELECT count(kind) FROM events") == [(3000,)]
    assert rows(old_database, "hall", LEFT) == [(0,)]
