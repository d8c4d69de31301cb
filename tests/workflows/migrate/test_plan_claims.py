"""What `migrate.plan` says of scans, rewrites and indexes, against what the server itself says at debug1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.postgres_server import TestServer

SCANS, NO_ROW, BUILDS, TAKES = "scans the table", "reads no row", "builds an index", "takes over an index"
LATER, NEVER = "not checked yet", "not enforced"

SAME: tuple[tuple[str, set[str], bool], ...] = (
    ("ALTER TABLE t ADD COLUMN a integer DEFAULT 0 NOT NULL", {NO_ROW}, False),
    ("ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now() NOT NULL", {NO_ROW}, False),
    ("ALTER TABLE t ADD COLUMN a float DEFAULT random() NOT NULL", {SCANS}, True),
    ("ALTER TABLE t ADD COLUMN a integer", set(), False),
    ("ALTER TABLE t ADD COLUMN a integer CHECK (a > 0)", {SCANS}, False),
    ("ALTER TABLE t ADD COLUMN a integer REFERENCES r", {NO_ROW}, False),
    ("ALTER TABLE t ADD COLUMN a integer GENERATED ALWAYS AS (n + 1) STORED", set(), True),
    ("ALTER TABLE t ADD COLUMN a serial", {SCANS}, True),
    ("ALTER TABLE t ALTER n SET NOT NULL", {SCANS}, False),
    ("ALTER TABLE t ALTER checked SET NOT NULL", {NO_ROW}, False),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0)", {SCANS}, False),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID", {LATER}, False),
    ("ALTER TABLE t VALIDATE CONSTRAINT later", {SCANS}, False),
    ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES r", {SCANS}, False),
    ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES r NOT VALID", {LATER}, False),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (n)", {BUILDS}, False),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX t_n", {TAKES}, False),
    ("ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING btree (n WITH =)", {BUILDS}, False),
    ("ALTER TABLE t ALTER m TYPE bigint", set(), True),
    ("ALTER TABLE t ALTER name TYPE varchar", set(), False),
    ("DO $$ BEGIN ALTER TABLE t ADD COLUMN a integer DEFAULT 0 NOT NULL; END $$", {NO_ROW}, False),
    # the rows were read, and not for the constraint
    ("SELECT count(*) FROM t;ALTER TABLE t ADD COLUMN a integer DEFAULT 0 NOT NULL", {NO_ROW}, False),
)
NEW: tuple[tuple[str, set[str], bool], ...] = (
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT ENFORCED", {NEVER}, False),
    ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES r NOT ENFORCED", {NEVER}, False),
    ("ALTER TABLE t ADD COLUMN a integer GENERATED ALWAYS AS (n + 1) VIRTUAL", set(), False),
    ("ALTER TABLE t ADD CONSTRAINT c NOT NULL n NOT VALID", {LATER}, False),
    ("ALTER TABLE t ALTER CONSTRAINT off ENFORCED", {SCANS}, False),
)
MADE = """
CREATE TABLE r (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, n integer, m integer, name text, checked integer CHECK (checked IS NOT NULL));
CREATE UNIQUE INDEX t_n ON t (n);
ALTER TABLE t ADD CONSTRAINT later CHECK (n < 1000000) NOT VALID;
INSERT INTO r SELECT generate_series(1, 500);
INSERT INTO t SELECT g, g, g, 'x', g FROM generate_series(1, 500) g;
"""


def claims(address: Address, root: Path, listed: tuple[tuple[str, set[str], bool], ...], more: str = "") -> list[Any]:
    """What is told of each statement as a revision of its own, with tables that are made anew before the next one."""
    base = build_monorepo(root, {"plan": Svc(revisions=(Rev(id="first", up=table("unused")),))}, url=address.url())
    assert invoke("migrate.apply", cwd=base).code == 0
    with psycopg.connect(address.url(), autocommit=True) as conn:
        conn.execute((MADE + more).encode())
    parent = "first"
    for number, (statement, _, _) in enumerate(listed):
        parts = statement.split(";", 1) if statement.startswith("SELECT") else [statement]
        up = "\n".join(f"op.execute({part!r})" for part in parts)
        revision = Rev(id=f"p{number}", up=up)
        write_revision(base / "services/plan", revision, parent)
        parent = revision.id
        back = Rev(id=f"b{number}", up=BACK.format(made=MADE + more))
        write_revision(base / "services/plan", back, parent)
        parent = back.id
    ran = invoke("migrate.plan", "--format", "json", cwd=base)
    assert ran.code == 0, ran.err
    return [r for r in ran.json["result"]["revisions"] if r["revision"].startswith("p")]


BACK = 'op.execute("DROP TABLE t, r")\nop.get_bind().exec_driver_sql("""{made}""")'


def said_by_the_server(address: Address, statement: str) -> list[str]:
    """The server's words at debug1 while a statement runs, which is taken back."""
    said: list[str] = []
    with psycopg.connect(address.url()) as conn:
        conn.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        conn.execute("SET client_min_messages = debug1")
        conn.execute(statement.encode())
        conn.rollback()
    return said


def compare(address: Address, root: Path, listed: tuple[tuple[str, set[str], bool], ...], more: str = "") -> None:
    for told, (statement, checks, rewritten) in zip(claims(address, root, listed, more), listed, strict=True):
        said = "\n".join(said_by_the_server(address, statement))
        of_t = [t for t in told["tables"] if t["table"] == "public.t"]
        assert {c["check"] for c in told["constraints"]} == checks, statement
        assert any(t["rewritten"] for t in of_t) == rewritten == ('rewriting table "t"' in said), (statement, said)
        read = any(word in said for word in ('verifying table "t"', 'rewriting table "t"', "validating foreign key"))
        assert (SCANS in checks) <= read, (statement, said)
        assert (NO_ROW in checks) <= (not read), (statement, said)
        assert (BUILDS in checks) == ('building index "c"' in said), (statement, said)


def test_claims_are_what_the_server_did(database: Address, tmp_path: Path) -> None:
    more = "ALTER TABLE t ADD CONSTRAINT off FOREIGN KEY (n) REFERENCES r NOT ENFORCED;"
    compare(database, tmp_path, (*SAME, *NEW), more)


def test_claims_on_postgresql_15(older: TestServer, tmp_path: Path) -> None:
    address = older.address.with_database("plan_claims")
    with psycopg.connect(older.address.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE plan_claims")
    compare(address, tmp_path, SAME)
