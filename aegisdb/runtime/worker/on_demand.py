"""The connection that an env.py asks its configuration for."""

from __future__ import annotations

from typing import Any


class OnDemand(dict[str, Any]):
    """`config.attributes`: an env.py that insists on `["connection"]` gets one, one that only asks for it does not.

    Unless it gives up without: then it is run again and gets one (Dagster's does, by `.get("connection")`).
    """

    def __init__(self, url: str) -> None:
        super().__init__(url=url)
        self._url = url
        self.missed = False
        """Whether a connection was asked for that may be missing, and was."""
        self.insisting = False
        """Whether there is to be one all the same."""

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; what may be missing is made only for an env.py that cannot do without."""
        if key == "connection" and key not in self:
            self.missed = True
            if self.insisting:
                return self[key]
        return super().get(key, default)

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
