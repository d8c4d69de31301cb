"""The types that Alembic remembers to have made: of those that were dropped since then it is to make one again.

Whoever emits the DDL of a run makes a type of one name once, and histories that make one twice rely on it. A revision
that drops the type is not heard of: a later one that makes it again would fail, where it succeeds in a run of its own.
"""

from __future__ import annotations

from typing import Any

from . import statements


def forget_dropped(impl: Any, connection: Any) -> None:
    """Forget those that are not in the database."""
    remembered = [one for one in impl.memo.values() if isinstance(one, set) and one]
    names = {str(name) for one in remembered for _, name in one}
    if not names:
        return
    listed = ", ".join(map(statements.literal, sorted(names)))
    sql = f"SELECT CAST(typname AS text) FROM pg_catalog.pg_type WHERE typname IN ({listed})"  # noqa: S608  literals
    there = {name for (name,) in statements.rows(connection, sql)}
    for one in remembered:
        one -= {(schema, name) for schema, name in one if str(name) not in there}
