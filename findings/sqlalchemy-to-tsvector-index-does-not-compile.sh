#!/usr/bin/env bash
# Index(..., func.to_tsvector("english", column), postgresql_using="gin") works in SQLAlchemy 1.4 and cannot be compiled
# since 2.0, which gave the function's first argument a type without a literal form.
#
# It is the usual way to index for full text search. In 2.0 func.to_tsvector became a known function whose configuration
# is REGCONFIG; DDL has no bound parameters, so the value must be rendered, and REGCONFIG has no renderer: CompileError,
# from create_all as from Alembic. In a query the same call works, so the models look right until the table is made.
# text("'english'") in its place compiles everywhere.
#
# Seen on 2026-11-29: SQLAlchemy 1.4.54, 2.0.58 and 2.1.9, Python 3.11. No server is needed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/index.py" <<'PY'
import sys

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex


def compiled(configuration):
    pages = sa.Table("pages", sa.MetaData(), sa.Column("body", sa.Text))
    vector = sa.func.to_tsvector(configuration, pages.c.body)
    query = str(sa.select(vector).compile(dialect=postgresql.dialect()))
    index = sa.Index("pages_body", vector, postgresql_using="gin")
    try:
        made = str(CreateIndex(index).compile(dialect=postgresql.dialect()))
    except CompileError as error:
        made = f"CompileError: {error}"
    return "to_tsvector" in query, made


whole, made = compiled("english")
_, by_text = compiled(sa.text("'english'"))
print(f"SQLAlchemy {sa.__version__}: query {'compiles' if whole else 'fails'}, index: {made}")
right = "CREATE INDEX pages_body ON pages USING gin (to_tsvector('english', body))"
expected = right if sys.argv[1] == "1.4" else "REGCONFIG"
if not whole or expected not in made or by_text != right:
    sys.exit("changed")
PY
for version in 1.4.54 2.0.58 2.1.9; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/pip" install -q "sqlalchemy==$version"
  "$work/$version/bin/python" -W ignore "$work/index.py" "${version%.*}"
done
echo "as described"
