"""Sessions of SQLAlchemy in a transaction that is rolled back: what a test commits is a savepoint of it.

SQLAlchemy's own way for tests ("joining a session into an external transaction").
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncSession

    from aegisdb.testing.database import Database

_BEGAN = text("SELECT now()")
"""The start of the transaction; it differs where ours was ended past the session and another one has begun."""


class SharedDatabase:
    """A database that all tests see as it was made, one after the other."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.spoiled = False
        """A test has ended the outer transaction, so what it did may have stayed."""

    def close(self) -> None:
        """End its sessions."""
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for one test."""
        with self._engine.connect() as connection:
            transaction = connection.begin()
            began = connection.scalar(_BEGAN)
            session = Session(bind=connection, join_transaction_mode="create_savepoint")
            try:
                yield session
            finally:
                with self._judging():
                    session.close()
                    self.spoiled |= not (connection.in_transaction() and connection.scalar(_BEGAN) == began)
                if self.spoiled:
                    connection.invalidate()
                else:
                    transaction.rollback()

    @asynccontextmanager
    async def async_session(self) -> AsyncIterator[AsyncSession]:
        """A session for one test, on a connection that belongs to the running event loop."""
        from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

        engine = create_async_engine(self.database.url_for("asyncpg"), poolclass=NullPool)
        async with engine.connect() as connection:
            transaction = await connection.begin()
            began = await connection.scalar(_BEGAN)
            session = AsyncSession(bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
            try:
                yield session
            finally:
                with self._judging():
                    await session.close()
                    self.spoiled |= not (connection.in_transaction() and await connection.scalar(_BEGAN) == began)
                if self.spoiled:
                    await connection.invalidate()
                else:
                    await transaction.rollback()

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """A session that cannot be closed has lost its savepoint, and with it the transaction, or its connection."""
        try:
            yield
        except SQLAlchemyError:
            self.spoiled = True

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.database.url_for("psycopg"), pool_size=1, max_overflow=0, pool_pre_ping=False)
