"""The connection that an env.py asks its configuration for."""

from __future__ import annotations

from typing import Any


class OnDemand(dict[str, Any]):
    """`config.attributes`: an env.py that insists on `["connection"]` gets one, one that only asks for it does not."""

    def __init__(self, url: str) -> None:
        super().__init__(url=url)
        self._url = url

    def __missing__(self, key: str) -> Any:
        if key != "connection":
            raise KeyError(key)
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        self[key] = create_engine(self._url.replace("+asyncpg:", "+psycopg:", 1), poolclass=NullPool).connect()
        return self[key]

    def close(self) -> None:
        """Close what was made on demand."""
        made = self.pop("connection", None)
        if made is not None:
            made.close()
