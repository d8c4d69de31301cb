"""DDL that blocks readers and writers for long, or breaks clients that run; squawk looks for it."""

from __future__ import annotations

from aegisdb.lint.rule import Rule

# the findings come from aegisdb/lint/squawk.py, which needs the rendered SQL and so a worker process
RULE = Rule(
    id="unsafe-ddl",
    summary="A revision does not block readers and writers for long, nor break clients that run.",
    fix="do it in steps, as the message says; on a small table, ignore it with the reason",
)
