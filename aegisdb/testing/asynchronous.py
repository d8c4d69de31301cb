"""Asynchronous ways into a test's database; they belong to no event loop until a test opens them in its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from aegisdb.testing.database import Database


def async_engine(database: Database) -> AsyncEngine:
    """An engine of SQLAlchemy with asyncpg that keeps no connection."""
    from sqlalchemy import NullPool
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(database.url_for("asyncpg"), poolclass=NullPool)


@asynccontextmanager
async def asyncpg_connection(database: Database) -> AsyncIterator[Connection]:
    """A connection of asyncpg."""
    import asyncpg

    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()
