#!/usr/bin/env bash
# Alembic's offline mode writes NULL in place of a bound value, and exits with 0.
#
# A revision that runs online as `UPDATE users SET display_name = 'nobody'` is rendered by `alembic upgrade --sql` as
# `UPDATE users SET display_name = NULL`: the statement is compiled without its parameters. Nothing warns, so a script
# that a DBA reviews and runs does something else than the revision.
#
# Seen on 2026-11-29: Alembic 1.20.1, SQLAlchemy 2.1.9, psycopg 3.3.9, Python 3.11. No server is needed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1 sqlalchemy==2.1.9 'psycopg[binary]==3.3.9'
cd "$work"
venv/bin/alembic init -q history 2>/dev/null || venv/bin/alembic init history >/dev/null
cat > history/versions/0001_rename.py <<'PY'
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.get_bind().execute(sa.text("UPDATE users SET display_name = :who"), {"who": "nobody"})


def downgrade():
    pass
PY
sed -i 's|^sqlalchemy.url = .*|sqlalchemy.url = postgresql+psycopg://|' alembic.ini
venv/bin/alembic upgrade head --sql >script.sql 2>/dev/null
grep 'UPDATE users' script.sql
grep -q 'UPDATE users SET display_name = NULL' script.sql || { echo "changed: the value is no longer NULL"; exit 1; }
echo "as described: the bound value 'nobody' became NULL, exit code 0"
