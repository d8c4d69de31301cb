#!/usr/bin/env bash
# `alembic revision` writes over a revision file of the same name, without a word.
#
# With `file_template = %(slug)s`, two revisions with one message have one file name. The second `alembic revision`
# succeeds with exit 0: the file of the first one is gone, and what is in its place revises it. From then on each command
# that loads the history fails, as no file has that parent; where the first one is applied, its downgrade() is lost.
#
# Seen on 2026-11-30: Alembic 1.20.1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q alembic==1.20.1
cd "$work"
"$work/venv/bin/alembic" -q init migrations
sed -i "s/^# file_template = %%(year)d_.*/file_template = %%(slug)s/" alembic.ini
"$work/venv/bin/python" -c 'import alembic; print(f"Alembic {alembic.__version__}")'
for time in first second; do
  "$work/venv/bin/alembic" -q revision -m "add a note"
  echo "exit $? of the $time"
  grep -h -E '^(revision|down_revision)' migrations/versions/*.py
done
files=$(find migrations/versions -name '*.py' | wc -l)
echo "files: $files"
history=0
"$work/venv/bin/alembic" history 2> history.log || history=$?
echo "exit $history of alembic history: $(tail -n 1 history.log)"
[[ $files == 1 && $history != 0 ]] || { echo changed; exit 1; }
echo "as described"
