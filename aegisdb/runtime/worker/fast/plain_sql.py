"""The texts that `op.execute` is given go to libpq as they are, where compiling them gives the very same text.

SQLAlchemy makes an expression of each text, looks for parameters in it, and compiles it: a third of the work of a small
revision. A text without `:`, `%` and backslash comes out of that as it went in. Nobody gets a result of
`op.execute`, so what SQLAlchemy and psycopg do for one is left out as well: another fifth.
"""

from __future__ import annotations

import re
from typing import Any

from .. import fast
from . import libpq
from .listening import others_listen

_MEANS_MORE = re.compile(r"[:%\\]")  # a parameter, a sign that drivers double, an escape of one of them
_PSYCOPG_SEES = ("copy", "drop", "rollback", "deallocate", "discard")
"""Parts of texts that psycopg refuses, or after which it forgets what it has prepared."""


def take(context: Any) -> None:
    """Do so for this context from now on; who listens to executions gets them from SQLAlchemy as ever."""
    if not fast.ON:
        return
    impl = context.impl
    whole_way = impl.execute

    def execute(sql: Any, execution_options: Any = None) -> None:
        connection = impl.connection
        if type(sql) is not str or execution_options or _MEANS_MORE.search(sql) or others_listen(connection):
            whole_way(sql, execution_options)
        elif _needs_sqlalchemy(connection) or _is_seen_by_psycopg(sql):
            connection.exec_driver_sql(sql)
        else:
            try:
                libpq.command(connection, sql)
            except Exception as error:  # noqa: BLE001  as SQLAlchemy does, which raises its own in the place of some
                connection._handle_dbapi_exception(error, sql, None, None, None)  # noqa: SLF001  of all its versions

    impl.execute = execute


def _needs_sqlalchemy(connection: Any) -> bool:
    """Whether it would begin a transaction or refuse to go on with one, log the text, or let another see or send it."""
    dialect = connection.dialect
    return (
        not connection.in_transaction()
        or connection.get_nested_transaction() is not None
        or connection._has_events  # noqa: SLF001  no public name
        or connection._echo  # noqa: SLF001  the same
        or (dialect._has_events and dialect.dispatch.do_execute)  # noqa: SLF001  the same
        or not libpq.serves(connection)
    )


def _is_seen_by_psycopg(sql: str) -> bool:
    small = sql.lower()
    return any(part in small for part in _PSYCOPG_SEES)
