"""A new column that PostgreSQL refuses where there are rows, or for which it would write all of them again."""

from __future__ import annotations

from aegisdb.forms.not_null import fill, not_null
from aegisdb.forms.step import Form, Step, plain, sql
from aegisdb.models.column_statements import defined
from aegisdb.models.fact_parts import fact, is_not_null, parts


def added(relation: str, column: str, facts: str, *, comment: str, value: str, oldest: int) -> Form:
    """The steps: without NOT NULL first, and with a default that is for new rows alone."""
    nullable = "; ".join(one for one in parts(facts) if not one.startswith(("not null", "default ")))
    default = fact(facts, "default ")
    first = Step(
        what=f"add {plain(relation)}.{column}",
        says="It may be NULL at first, and a default is for new rows: no row is read or written.",
        phase="expand",
        up=sql(
            f"ALTER TABLE {relation} ADD COLUMN IF NOT EXISTS {column} {defined(nullable)}",
            *([f"ALTER TABLE {relation} ALTER COLUMN {column} SET DEFAULT {default}"] if default else []),
            *([f"COMMENT ON COLUMN {relation}.{column} IS {comment}"] if comment else []),
        ),
        down=sql(f"ALTER TABLE {relation} DROP COLUMN IF EXISTS {column}"),
    )
    if is_not_null(facts):
        then = not_null(relation, column, value=value, oldest=oldest).steps
    else:
        then = (fill(relation, column, value),)
    return Form(change=f"{plain(relation)} gets {column}", steps=(first, *then))
