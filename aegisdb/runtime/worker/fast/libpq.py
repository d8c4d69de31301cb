"""Statements that libpq sends for us, below psycopg.

Two of ours go with each step of a migration. What psycopg does to send one takes longer than the server needs for it,
and BEGIN is a message of its own; libpq sends both at once.
"""

from __future__ import annotations

from typing import Any

from .. import fast

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


def texts(connection: Any, sql: str) -> tuple[str, ...]:
    """The one row of a query whose columns are texts; raises as psycopg does."""
    made = connection.connection.dbapi_connection
    libpq, encoding = made.pgconn, made.info.encoding
    begin = "BEGIN;" if libpq.transaction_status == _IDLE and not made.autocommit else ""  # psycopg begins one as well
    result = libpq.exec_((begin + sql).encode(encoding))
    if result.status == _FATAL:
        from psycopg.errors import error_from_result

        raise error_from_result(result, encoding)
    return tuple(result.get_value(0, column).decode(encoding) for column in range(result.nfields))
