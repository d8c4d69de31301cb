"""Makes a monorepo of any size: services with real Alembic histories, and the same steps as plain SQL.

Every revision is DDL as people write it (tables with keys, columns, indexes, checks, backfills, types, views), with a
downgrade that works.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tests.monorepo import Rev, Svc, build_monorepo

DATABASE = "aegis"
_INIT = {
    "sql/init.sql": """\
CREATE EXTENSION IF NOT EXISTS age;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE accounts (id bigint PRIMARY KEY, name text NOT NULL, made timestamptz NOT NULL DEFAULT now());
"""
}

SEEDS = tuple(f"seed_{number}" for number in range(4))
"""Modules of the first service; each fills one row of its first table."""
_SEED = """\
import os

from sqlalchemy import create_engine, make_url, text

ROW = {row!r}
WRITTEN = (
    "INSERT INTO accounts (id, name) VALUES (1, 'first') ON CONFLICT DO NOTHING",
    f"INSERT INTO {table} (other, title)"
    f" SELECT 1, '{{ROW}}' WHERE NOT EXISTS (SELECT FROM {table} WHERE title = '{{ROW}}')",
)

url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
with create_engine(url).begin() as connection:
    for statement in WRITTEN:
        connection.execute(text(statement))
"""


@dataclass(frozen=True)
class Step:
    """One revision as SQL, statement by statement."""

    id: str
    ups: tuple[str, ...]
    downs: tuple[str, ...]

    @property
    def up(self) -> str:
        """As one text."""
        return ";\n".join(self.ups)

    @property
    def down(self) -> str:
        """As one text."""
        return ";\n".join(self.downs)


def steps(service: str, revisions: int) -> tuple[Step, ...]:
    """The history of one service: each revision makes a table and changes the one before.

    A table a revision, of three relations (itself, its key, its sequence), is what the baselines of
    docs/performance.md were taken with: 30, 300 and 2,000 tables in the three sizes, 1,305 relations at 300.
    """
    return tuple(_step(service, n) for n in range(revisions))


def _step(service: str, n: int) -> Step:
    table, tag = f"{service}_items{n}", f"{service}_{n}"
    # each points at the one before: PostgreSQL reads all triggers of a table anew for each key that points at it
    other = f"{service}_items{n - 1}" if n else "accounts"
    made = f"""CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, other bigint
             CONSTRAINT fk_{tag} REFERENCES {other} (id), title varchar(200) NOT NULL,
             made timestamptz NOT NULL DEFAULT now())"""
    change, back = _change(service, n) if n else ((), ())
    return Step(f"{service}{n:04d}", (made, *change), (*back, f"DROP TABLE {table}"))


def _change(service: str, n: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One statement on the table of the revision before, and what undoes it."""
    table, tag = f"{service}_items{n - 1}", f"{service}_{n}"
    changes = (
        (f"ALTER TABLE {table} ADD COLUMN note{n} varchar(100)", f"ALTER TABLE {table} DROP COLUMN note{n}"),
        (f"CREATE INDEX ix_{tag} ON {table} (other, made)", f"DROP INDEX ix_{tag}"),
        (
            f"ALTER TABLE {table} ADD COLUMN amount{n} numeric(12, 2) NOT NULL DEFAULT 0",
            f"ALTER TABLE {table} DROP COLUMN amount{n}",
        ),
        (
            f"ALTER TABLE {table} ADD CONSTRAINT ck_{tag} CHECK (length(title) > 0)",
            f"ALTER TABLE {table} DROP CONSTRAINT ck_{tag}",
        ),
        (f"UPDATE {table} SET title = trim(title)", ""),
        (f"CREATE TYPE {tag}_state AS ENUM ('new', 'open', 'done')", f"DROP TYPE {tag}_state"),
        (f"CREATE VIEW {table}_recent{n} AS SELECT id, title FROM {table}", f"DROP VIEW {table}_recent{n}"),
        (f"COMMENT ON TABLE {table} IS 'as of {n}'", f"COMMENT ON TABLE {table} IS NULL"),
    )
    change, back = changes[n % len(changes)]
    return (change,), (back,) if back else ()


def names(services: int) -> tuple[str, ...]:
    """Names of the services."""
    return tuple(f"s{n:03d}" for n in range(services))


def make(root: Path, services: int, revisions: int) -> None:
    """Write the monorepo."""
    made = {name: Svc(revisions=tuple(map(_revision, steps(name, revisions)))) for name in names(services)}
    first, table = names(1)[0], f"{names(1)[0]}_items0"
    seeds = [{"module": seed, "fills": [table]} for seed in SEEDS]
    made[first] = replace(made[first], more={"seeds": seeds})
    # the password from a variable, as people have it: a registry that holds one itself is not cached
    database = {"name": DATABASE, "password": "${AEGIS_DB_PASSWORD:-bench}", "extensions": ["age", "vector"]}
    build_monorepo(root, made, init=_INIT, database=database)
    for seed in SEEDS:
        (root / "services" / first / f"{seed}.py").write_text(_SEED.format(row=seed, table=table))


def _revision(step: Step) -> Rev:
    up, down = ("\n".join(f"op.execute({each!r})" for each in statements) for statements in (step.ups, step.downs))
    return Rev(id=step.id, up=up, down=down, message=step.up[:40])


def point_alembic_at(root: Path, services: int, url: str) -> None:
    """Let plain `alembic` in each service's folder work on this URL; the suite gives env.py its own."""
    driver = url.replace("postgresql://", "postgresql+psycopg://").replace("%", "%%")
    for name in names(services):
        ini = root / "services" / name / "alembic.ini"
        ini.write_text(re.sub(r"(?m)^sqlalchemy\.url = .*$", f"sqlalchemy.url = {driver}", ini.read_text()))


def one_file(path: Path, services: int, revisions: int) -> Path:
    """Everything as one SQL file: the floor, what the statements themselves cost."""
    path.write_text(";\n".join(step.up for name in names(services) for step in steps(name, revisions)) + ";\n")
    return path


if __name__ == "__main__":
    # as a process: a large monorepo would stay in the memory of the one that measures, and count as everybody's peak
    make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
