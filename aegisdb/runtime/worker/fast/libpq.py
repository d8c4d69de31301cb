"""Statements that libpq sends for us, below psycopg.

Ours go with each step of a migration, and so do those of the revision. What psycopg and SQLAlchemy do to send one takes
longer than the server needs for a small one, and BEGIN is a message of its own; libpq sends both at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import fast

if TYPE_CHECKING:
    from collections.abc import Sequence

_IDLE, _FATAL = 0, 7  # libpq's PQTRANS_IDLE and PGRES_FATAL_ERROR


def serves(connection: Any) -> bool:
    """Whether it is a connection of psycopg whose transactions begin with a plain BEGIN."""
    made = connection.connection.dbapi_connection
    return (
        fast.ON
        and type(made).__module__ == "psycopg"
        and made.isolation_level is made.read_only is made.deferrable is None
        and not made.pgconn.pipeline_status
    )


def command(connection: Any, sql: str) -> None:
    """Run statements that are not asked for rows; raises as psycopg does."""
    made = connection.connection.dbapi_connection
    _checked(made, made.pgconn.exec_(_with_begin(made, sql)))


def texts(connection: Any, sql: str) -> tuple[str, ...]:
    """The one row of a query whose columns are texts; raises as psycopg does."""
    made = connection.connection.dbapi_connection
    return _row(made, _checked(made, made.pgconn.exec_(_with_begin(made, sql))))


def texts_and_counts(connection: Any, query: str, changes: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """The row of a query, and how many rows each of the statements behind it has changed, in one message."""
    made = connection.connection.dbapi_connection
    made.pgconn.send_query(_with_begin(made, ";".join([query, *changes])))
    results = []
    while (result := made.pgconn.get_result()) is not None:
        results.append(result)
    for result in results:
        _checked(made, result)
    told = results[-1 - len(changes) :]  # one of BEGIN may come before
    return _row(made, told[0]), [result.command_tuples or 0 for result in told[1:]]


def _with_begin(made: Any, sql: str) -> bytes:
    begins = made.pgconn.transaction_status == _IDLE and not made.autocommit  # psycopg begins one as well
    text: str = f"BEGIN;{sql}" if begins else sql
    return text.encode(made.info.encoding)


def _checked(made: Any, result: Any) -> Any:
    if result.status == _FATAL:
        from psycopg.errors import error_from_result

        raise error_from_result(result, made.info.encoding)
    return result


def _row(made: Any, result: Any) -> tuple[str, ...]:
    return tuple(result.get_value(0, column).decode(made.info.encoding) for column in range(result.nfields))
