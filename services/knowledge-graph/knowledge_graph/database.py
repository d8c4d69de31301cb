"""Sessions that speak Cypher: AGE loaded, its schema on the search_path, agtype as JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.engine.interfaces import DBAPIConnection


async def _speak_cypher(connection: asyncpg.Connection) -> None:
    # LOAD 'age' is for superusers; calling any function of the library loads it too, for every role
    await connection.execute("SELECT FROM ag_catalog.get_cypher_keywords() LIMIT 1")
    await connection.execute("""SET search_path = "$user", public, ag_catalog""")
    await connection.set_type_codec("agtype", schema="ag_catalog", encoder=str, decoder=str, format="text")


def open_engine(url: str) -> AsyncEngine:
    """An engine for `url` (postgresql+asyncpg://); connects on first use."""
    engine = create_async_engine(url, pool_pre_ping=True, connect_args={"timeout": 10})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, record: Any) -> None:  # noqa: ARG001  (SQLAlchemy's signature)
        connection.run_async(_speak_cypher)

    return engine
