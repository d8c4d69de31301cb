"""Connections that lead nowhere, for an env.py that is only asked what it tells Alembic."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import AsyncMock, MagicMock

_DRIVERS = {"psycopg": MagicMock, "psycopg2": MagicMock, "pg8000": MagicMock, "asyncpg": AsyncMock}


class Attributes(dict[str, Any]):
    """`config.attributes`, with a connection and a URL for who insists on them, by `[]` or also by `.get()`."""

    def __init__(self, url: str, *, insisting: bool) -> None:
        super().__init__()
        self._url = url
        self._insisting = insisting

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; what may be missing is made only for an env.py that cannot do without."""
        return self[key] if key in {"connection", "url"} and self._insisting else super().get(key, default)

    def __missing__(self, key: str) -> Any:
        if key == "url":
            return self._url
        if key != "connection":
            raise KeyError(key)
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.engine.url import make_url

        dialect: Any = postgresql.dialect
        engine = MagicMock(url=make_url(self._url), dialect=dialect())
        self[key] = _connection(engine)
        return self[key]


def take() -> None:
    """Let every engine of this process connect to nothing, and every statement answer nothing."""
    from sqlalchemy.engine import Engine

    for name in ("connect", "begin", "raw_connection"):
        setattr(Engine, name, lambda engine, *_args, **_options: _connection(engine))


def take_drivers() -> None:
    """Let what was imported of the drivers connect to nothing, too: an env.py may do without SQLAlchemy."""
    for name, kind in _DRIVERS.items():
        if module := sys.modules.get(name):
            module.connect = kind()  # type: ignore[attr-defined]


def _connection(engine: Any) -> Any:
    connection = MagicMock(engine=engine, dialect=engine.dialect, url=engine.url)
    for itself in (connection.__enter__, connection.connect, connection.execution_options):
        itself.return_value = connection
    return connection
