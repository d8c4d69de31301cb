"""Alembic environment of knowledge-graph: async engine, own version table, own tables only."""

from __future__ import annotations

import asyncio
import os
from logging.config import fileConfig
from typing import TYPE_CHECKING, Any

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from knowledge_graph.models import Base
from knowledge_graph.settings import asyncpg_url

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION_TABLE = "alembic_version_knowledge_graph"
# the database is shared: everything else in it belongs to other services (a removed model stays in this list
# until the revision that drops its table is written)
OWNED = {"documents", "chunks"}

config = context.config


def include_object(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:  # noqa: ARG001, FBT001
    """Compare only what this service owns."""
    table = name if type_ == "table" else getattr(getattr(obj, "table", None), "name", name)
    return table in OWNED


def database_url() -> str:
    """The caller's URL, else DATABASE_URL, else the one of alembic.ini."""
    url = config.attributes.get("url") or os.environ.get("DATABASE_URL") or config.get_main_option("sqlalchemy.url")
    return asyncpg_url(str(url))


def options() -> dict[str, Any]:
    """What online and offline runs have in common."""
    return {
        "target_metadata": Base.metadata,
        "version_table": VERSION_TABLE,
        "include_object": include_object,
        "compare_type": True,
        "compare_server_default": True,
        "transaction_per_migration": True,
    }


def run(connection: Connection) -> None:
    """Run the migrations on an open connection."""
    context.configure(connection=connection, **options())
    with context.begin_transaction():
        context.run_migrations()


async def run_async() -> None:
    """Open an engine of our own for one run."""
    engine = create_async_engine(database_url(), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if config.config_file_name:
    fileConfig(config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    context.configure(url=database_url(), literal_binds=True, dialect_opts={"paramstyle": "named"}, **options())
    with context.begin_transaction():
        context.run_migrations()
elif (given := config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_async())
