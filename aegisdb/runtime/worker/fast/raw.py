"""Statements of our own beside those of a revision: past SQLAlchemy, so that nobody counts them as the revision's."""

from __future__ import annotations

from typing import Any

_IDLE, _FATAL = 0, 7  # libpq's PQTRANS_IDLE and PGRES_FATAL_ERROR


def rows(connection: Any, sql: str) -> list[Any]:
    """All rows of a query, in whatever transaction the connection is."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def texts(connection: Any, sql: str) -> tuple[str, ...]:
    """The one row of a query whose columns are texts.

    Two of them go with each step of a migration. What psycopg does to send one takes longer than the server needs for
    it, and BEGIN is a message of its own; libpq below it sends both at once.
    """
    made = connection.connection.dbapi_connection
    if not _is_plain_psycopg(made):
        return tuple(rows(connection, sql)[0])
    libpq, encoding = made.pgconn, made.info.encoding
    begin = "BEGIN;" if libpq.transaction_status == _IDLE and not made.autocommit else ""  # psycopg begins one as well
    result = libpq.exec_((begin + sql).encode(encoding))
    if result.status == _FATAL:
        from psycopg.errors import error_from_result

        raise error_from_result(result, encoding)
    return tuple(result.get_value(0, column).decode(encoding) for column in range(result.nfields))


def command(connection: Any, sql: str) -> None:
    """Run a statement that gives no rows."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()


def literal(text: str | None) -> str:
    """A text as SQL, whatever `standard_conforming_strings` says."""
    if text is None:
        return "NULL"
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def _is_plain_psycopg(made: Any) -> bool:
    # its transactions begin with a plain BEGIN, unless one of the three properties is set
    return (
        type(made).__module__ == "psycopg"
        and made.isolation_level is made.read_only is made.deferrable is None
        and not made.pgconn.pipeline_status
    )
