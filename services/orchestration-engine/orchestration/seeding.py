"""How seeds write: one transaction, rows corrected where they differ and left alone where they do not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Executable, make_url, or_, pool
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orchestration.base import Base

_NAMESPACE = UUID("6f1d0a52-7c0e-5b1e-9a44-2f3c8e7d1b60")

Row = dict[str, Any]


def seed_id(name: str) -> UUID:
    """The id of a seeded row that has no other key; the same in every database."""
    return uuid5(_NAMESPACE, name)


async def upsert(connection: AsyncConnection, model: type[Base], rows: Sequence[Row], *, key: Sequence[str]) -> int:
    """Insert the rows, correct those whose key exists but whose values differ; returns how many were written."""
    statement = insert(model).values(list(rows))
    columns = {name: statement.excluded[name] for name in rows[0] if name not in key}
    differs = or_(*(getattr(model, name).is_distinct_from(value) for name, value in columns.items()))
    written = statement.on_conflict_do_update(index_elements=list(key), set_=columns, where=differs)
    return (await connection.execute(written)).rowcount


async def insert_missing(connection: AsyncConnection, model: type[Base], rows: Sequence[Row]) -> int:
    """Insert the rows that are not there, whatever constraint says so; returns how many were written."""
    return (await connection.execute(insert(model).values(list(rows)).on_conflict_do_nothing())).rowcount


async def ids_by(connection: AsyncConnection, query: Executable) -> Mapping[str, UUID]:
    """Ids by the natural key that the query selects first."""
    return {row[0]: row[1] for row in await connection.execute(query)}


def run_seed(seed: Callable[[AsyncConnection], Awaitable[str]]) -> None:
    """Run the seed in one transaction on DATABASE_URL and print its line; any failure exits 1 and writes nothing."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set; it names the database to seed")
    sys.stdout.write(asyncio.run(_in_transaction(url, seed)) + "\n")


async def _in_transaction(url: str, seed: Callable[[AsyncConnection], Awaitable[str]]) -> str:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await seed(connection)
    finally:
        await engine.dispose()
