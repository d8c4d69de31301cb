"""What squawk says of ALTER TABLE, against what PostgreSQL itself says at debug1 that it does."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.lint.squawk import _judge, _program
from aegisdb.postgres.address import Address
from aegisdb.revisions.parse import Revision

MADE = """
CREATE TABLE r (id integer PRIMARY KEY);
CREATE TABLE t (id integer PRIMARY KEY, n integer, checked integer CHECK (checked IS NOT NULL));
INSERT INTO r SELECT generate_series(1, 9);
INSERT INTO t SELECT g, g, g FROM generate_series(1, 9) g;
"""
ABOUT_ROWS = {"adding-field-with-default", "constraint-missing-not-valid", "adding-foreign-key-constraint"}
QUIET = (
    "ADD COLUMN a integer DEFAULT 0 NOT NULL",
    "ADD COLUMN a integer DEFAULT -1 NOT NULL",
    "ADD COLUMN a timestamptz DEFAULT (now() AT TIME ZONE 'utc') NOT NULL",
    "ADD COLUMN a timestamp DEFAULT timezone('utc', now()) NOT NULL",
    "ADD COLUMN a date DEFAULT CURRENT_DATE",
    "ADD COLUMN a text DEFAULT CURRENT_USER::text",
    "ADD COLUMN a text DEFAULT ('x' || 'y') NOT NULL",
    "ADD COLUMN a jsonb DEFAULT jsonb_build_object() NOT NULL",
    "ADD COLUMN a text[] DEFAULT ARRAY[]::text[] NOT NULL",
    "ADD COLUMN a integer GENERATED ALWAYS AS (n + 1) VIRTUAL",
    "ADD COLUMN a integer GENERATED ALWAYS AS (n + 1)",
    "ADD COLUMN \u00fc text DEFAULT '\u00fc\u00fc', ADD COLUMN a text DEFAULT CURRENT_USER",
    "ADD COLUMN a integer REFERENCES r",
    "ADD COLUMN a integer REFERENCES r (id) ON DELETE CASCADE, ADD COLUMN b integer DEFAULT 3",
    "ADD CONSTRAINT c CHECK (n > 0) NOT ENFORCED",
    "ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES r NOT ENFORCED",
)
LOUD = (
    "ADD COLUMN a float DEFAULT random()",
    "ADD COLUMN a timestamptz DEFAULT clock_timestamp()",
    "ADD COLUMN a uuid DEFAULT gen_random_uuid()",
    "ADD COLUMN a integer GENERATED ALWAYS AS (n + 1) STORED",
    "ADD COLUMN a integer GENERATED ALWAYS AS (n + 1) VIRTUAL, ADD COLUMN b integer GENERATED ALWAYS AS (n) STORED",
    "ADD COLUMN a integer DEFAULT 3 REFERENCES r",
    "ADD COLUMN a integer REFERENCES r DEFAULT 3",
    "ADD CONSTRAINT c CHECK (n > 0)",
    "ADD CONSTRAINT c FOREIGN KEY (n) REFERENCES r",
    "ADD CONSTRAINT c CHECK (n > 0) NOT ENFORCED, ADD CONSTRAINT d CHECK (n > -1)",
)


def complaints(statement: str, directory: Path) -> set[str]:
    """Rules of squawk that are left about one statement."""
    program = _program()
    assert program is not None
    revision = Revision(
        id="a", down=(), depends_on=(), labels=(), message="", file="a.py", line=1, one_way=None, digest=""
    )
    found = _judge({("shop", revision): f"ALTER TABLE t {statement};"}, program, directory, directory)
    return {complaint["rule_name"] for _, _, complaint in found} & ABOUT_ROWS


def does_work(address: Address, statement: str) -> bool:
    """Whether the server rewrites or reads the table."""
    said: list[str] = []
    with psycopg.connect(address.url()) as conn:
        conn.execute(MADE.encode())
        conn.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        conn.execute("SET client_min_messages = debug1")
        conn.execute(f"ALTER TABLE t {statement}".encode())
        conn.rollback()
    return any(line.startswith(("rewriting table", "verifying table", "validating foreign key")) for line in said)


@pytest.mark.parametrize("statement", [*QUIET, *LOUD])
def test_a_complaint_is_there_where_the_server_works(database: Address, tmp_path: Path, statement: str) -> None:
    assert does_work(database, statement) == (statement in LOUD)
    assert bool(complaints(statement, tmp_path)) == (statement in LOUD)
