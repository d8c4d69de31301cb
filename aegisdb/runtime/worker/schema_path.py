"""A service's schema holds for every connection of this process to its database, not for the one that migrates alone.

An inspection by the engine, or tables that env.py makes by a connection of its own, would work in `public` otherwise.
The path is a parameter of the connection's start, so that RESET returns to it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import make_url

from . import asyncpg_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Message

_OF_LIBPQ = {"psycopg", "psycopg2"}
_NO_PARAMETER = "startup parameter"
"""What a pooler says of parameters that it does not pass on."""


def quoted(schema: str) -> str:
    """The schema as a value of search_path."""
    return '"' + schema.replace('"', '""') + '"'


def take(opening: Message) -> None:
    """Do so from now on for what `opening`, which changes with the database, says."""
    if not opening["schema"]:
        return
    path = quoted(opening["schema"])
    _take_libpq(path)
    asyncpg_path.take(path, lambda parameters: _is_asked_for(parameters, opening))

    def connect(dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        if not _is_asked_for(parameters, opening):
            return None
        add = _add_option if dialect.driver in _OF_LIBPQ else _ADDITIONS.get(dialect.driver)
        if add is None:
            return _settled(dialect, path, lambda: dialect.connect(*arguments, **parameters))
        try:
            return dialect.connect(*arguments, **add(parameters, path))
        except Exception as error:
            if _NO_PARAMETER not in str(error):
                raise
            os.environ.pop("PGOPTIONS", None)
            return _settled(dialect, path, lambda: dialect.connect(*arguments, **parameters))

    event.listen(Engine, "do_connect", connect)


def _take_libpq(path: str) -> None:
    # what is opened past SQLAlchemy: psycopg.connect(url), psql
    given = os.environ.get("PGOPTIONS", "")
    os.environ["PGOPTIONS"] = f"{given} {_option(path)}".strip()


def _is_asked_for(parameters: dict[str, Any], opening: Message) -> bool:
    asked = make_url(opening["url"])
    database = parameters.get("dbname") or parameters.get("database")
    return database == asked.database and str(parameters.get("port") or 5432) == str(asked.port or 5432)


def _add_option(parameters: dict[str, Any], path: str) -> dict[str, Any]:
    given = parameters.get("options") or ""
    return {**parameters, "options": f"{given} {_option(path)}".strip()}


def _option(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace(" ", "\\ ")
    return f"-c search_path={escaped}"


def _add_server_setting(parameters: dict[str, Any], path: str) -> dict[str, Any]:
    return {**parameters, "server_settings": {**(parameters.get("server_settings") or {}), "search_path": path}}


_ADDITIONS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {"asyncpg": _add_server_setting}


def _settled(dialect: Any, path: str, connect: Callable[[], Any]) -> Any:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(f"SET search_path TO {path}")
    cursor.close()
    connection.commit()
    del dialect
    return connection
