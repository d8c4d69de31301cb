"""Backfills: rows changed in batches, each in a transaction of its own, from inside a revision.

Runs in the service's environment, under plain Alembic as well; needs the standard library, SQLAlchemy and Alembic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.backfills.wanted import BackfillStopped, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BackfillStopped", "backfill"]


def backfill(  # noqa: PLR0913  all but the table by keyword, each with a default that does
    table: str,
    *,
    set: str,  # noqa: A002  SQL's own word
    where: str,
    key: str | Sequence[str] = (),
    share: float = 0.5,
    hold: float = 0.05,
    lock_timeout: float = 0.1,
    patience: float = 600.0,
    max_lag: float = 10.0,
) -> None:
    """Change the rows of a table in batches along its primary key, each batch in a transaction of its own.

    `set` is the SET clause of an UPDATE and `where` says which rows are still to be done: a row that was done must not
    match it any more. `key` names the columns of a unique index where there is no primary key. `share` is the part of
    the time in which it works, `hold` the seconds that a batch may take, and so keep others off its rows,
    `lock_timeout` the seconds that a batch waits for a row of others before it is undone and tried again, `patience`
    those after which it is given up, `max_lag` those that a standby may be behind.

    Stopped at any point it goes on behind the last batch that was committed. At its end no row matches `where`.

    Raises:
        BackfillStopped: a table without a key, rows that cannot be changed, or rows that are left.
    """
    from alembic import op

    context = op.get_context()
    wanted = Wanted(
        table=table,
        set=set.strip().rstrip(";"),
        where=where.strip().rstrip(";"),
        key=(key,) if isinstance(key, str) else tuple(key),
        share=share,
        hold=hold,
        lock_timeout=lock_timeout,
        patience=patience,
        max_lag=max_lag,
    )
    wanted.require_sound()
    if context.as_sql:
        from aegisdb.backfills.script import write

        write(context, wanted)
        return
    from aegisdb.backfills.run import run

    run(context, wanted)
