#!/usr/bin/env bash
# All connections to PGlite's socket server are one PostgreSQL session: an advisory lock that one of them holds is
# granted to the other, and what one has SET holds for the other.
#
# pglite-server --max-connections=5 lets five clients in, and makes their transactions wait for each other, so it looks
# like a small PostgreSQL. But locks of sessions exclude nobody: Alembic wrappers, Rails and Prisma, which take
# pg_advisory_lock before they migrate, would run side by side. Temporary tables and settings are shared as well; a
# client that leaves ends them only by accident. pg_backend_pid() is the same in both, which tells it.
#
# Seen on 2026-11-29: pglite-socket 0.2.17 with pglite 0.5.14 (PostgreSQL 18.6), psycopg 3.3.9, Node.js 20. Needs npm.
set -euo pipefail
work=$(mktemp -d)
server=""
trap 'test -z "$server" || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'psycopg[binary]==3.3.9'
cd "$work"
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 >/dev/null
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node_modules/.bin/pglite-server --port="$port" --max-connections=5 >"$work/log" 2>&1 &
server=$!
cat >"$work/look.py" <<'PY'
import sys
import time

import psycopg

url = f"postgresql://postgres@127.0.0.1:{sys.argv[1]}/postgres?sslmode=disable"


def connected(seconds=120):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


one, two = connected(), connected()
one.execute("SELECT pg_advisory_lock(5)")
one.execute("SET lock_timeout = '7s'")
one.execute("CREATE TEMPORARY TABLE mine (id integer)")
version, = one.execute("SELECT version()").fetchone()
seen = (
    two.execute("SELECT pg_try_advisory_lock(5)").fetchone()[0],
    two.execute("SHOW lock_timeout").fetchone()[0],
    two.execute("SELECT count(*) FROM mine").fetchone()[0],
    one.info.backend_pid == two.info.backend_pid,
)
print(f"{version.partition(' on ')[0]}: the other connection gets the lock, sees lock_timeout, the temporary table: {seen}")
if seen != (True, "7s", 0, True):
    sys.exit("changed")
print("as described")
PY
"$work/venv/bin/python" "$work/look.py" "$port"
