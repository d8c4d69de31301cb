"""Connections of env.py go through the Unix socket of the very server that they ask for, where it lets this user in.

env.py keeps its URL and its engine; what it reaches is proven as ever (guard.py). Hashing the password takes 5 ms in
each worker, and a message through the loopback interface twice as long as one through a socket.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from .. import fast

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOSTS = {"127.0.0.1", "localhost"}
_OF_LIBPQ = {"psycopg", "psycopg2"}
_WHERE_AND_WHO = {"host", "port", "user", "password", "dbname", "database", "context"}  # SQLAlchemy gives the last one


def take(socket: Mapping[str, Any] | None) -> None:
    """Do so from now on, in this process; without a socket nothing changes."""
    if not fast.ON or socket is None or socket["uid"] != os.geteuid():
        return
    directory, port = socket["directory"], socket["port"]
    if not os.path.exists(f"{directory}/.s.PGSQL.{port}"):  # noqa: PTH110  a container need not see the same files
        return

    def nearer(dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> None:
        # whoever says more about the connection means that connection
        plain = dialect.driver in _OF_LIBPQ and not arguments and parameters.keys() <= _WHERE_AND_WHO
        if plain and parameters.get("host") in _HOSTS and str(parameters.get("port")) == str(port):
            parameters["host"] = directory

    event.listen(Engine, "do_connect", nearer)
