"""Where the database is."""

from __future__ import annotations

import os

DEFAULT_URL = "postgresql://aegis:aegis_local@localhost:5432/aegis"
GRAPH = "oilgas"


def asyncpg_url(url: str) -> str:
    """The same URL for SQLAlchemy's asyncpg driver, whatever driver it named."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme.split("+")[0] in {"postgresql", "postgres"}:
        return f"postgresql+asyncpg://{rest}"
    return url


def database_url() -> str:
    """DATABASE_URL, else the documented local database."""
    return asyncpg_url(os.environ.get("DATABASE_URL") or DEFAULT_URL)
