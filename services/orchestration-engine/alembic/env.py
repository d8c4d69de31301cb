"""Alembic environment of orchestration-engine: one asynchronous connection, one transaction a revision."""

import asyncio
import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import URL, Connection, make_url, pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import SchemaItem

from orchestration.models import OWNED_TABLES, Base

VERSION_TABLE = "alembic_version_orchestration"
config = context.config


def database_url() -> URL:
    """The caller's URL, else DATABASE_URL, else alembic.ini's."""
    url = config.attributes.get("url") or os.environ.get("DATABASE_URL") or config.get_main_option("sqlalchemy.url", "")
    return make_url(url).set(drivername="postgresql+asyncpg")


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Read own tables only: other services' tables are in the same database."""
    return kind != "table" or name in OWNED_TABLES


def include_object(_item: SchemaItem, name: str | None, kind: str, _reflected: object, _compared: object) -> bool:
    """Leave out identity's users, which the models only point at."""
    return kind != "table" or name in OWNED_TABLES


def run(connection: Connection | None = None) -> None:
    """Run the command on the connection, or print its SQL without one."""
    context.configure(
        connection=connection,
        url=None if connection else database_url(),
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        include_name=include_name,
        include_object=include_object,
        compare_server_default=True,
        transaction_per_migration=True,  # an enum value can only be used after its transaction
        literal_binds=connection is None,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_online() -> None:
    """Connect, and run the synchronous part inside."""
    engine = create_async_engine(database_url(), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if config.config_file_name:
    fileConfig(config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    run()
else:
    asyncio.run(run_online())
