"""The texts that `op.execute` is given go to the driver as they are, where compiling them gives the very same text.

SQLAlchemy makes an expression of each text, looks for parameters in it, and compiles it: a third of the work of a small
revision. A text without `:`, `%` and backslash comes out of that as it went in.
"""

from __future__ import annotations

import re
from typing import Any

from .. import fast
from .listening import others_listen

_MEANS_MORE = re.compile(r"[:%\\]")  # a parameter, a sign that drivers double, an escape of one of them


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
        else:
            connection.exec_driver_sql(sql)

    impl.execute = execute
