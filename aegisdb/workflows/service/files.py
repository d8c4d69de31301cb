"""The files of a new service: an ordinary Alembic service in which nothing depends on the suite."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$name"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["alembic>=1.18.3,!=1.19.0,!=1.19.1,<2", $requirements]

[tool.setuptools]
packages = ["$package"]
"""

_README = """\
# $name

Tables: `$package/models.py`. History: `alembic/versions`, in the version table `$version_table`.

```
invoke migrate.new --service $name -m "what changes"   # after an edit of the models
invoke migrate.apply --service $name
invoke migrate.roundtrip --service $name
```

Plain `alembic` works in this folder too; it reads DATABASE_URL, else `sqlalchemy.url` of alembic.ini.
"""

_INI = """\
# Plain `alembic` in this folder. DATABASE_URL wins over sqlalchemy.url below.
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = %(here)s
file_template = %%(rev)s_%%(slug)s
truncate_slug_length = 60
path_separator = os
sqlalchemy.url = $url

[loggers]
keys = root,alembic

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = WARNING
handlers = console
qualname =

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = plain

[formatter_plain]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""

_MAKO = """\
\"\"\"${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
\"\"\"

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
"""

_ENV_HEAD = """\
\"\"\"Alembic environment of $name.\"\"\"

$stdlib
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, make_url, pool
$engine_import

from $package.models import Base

config = context.config


def database_url():
    \"\"\"The caller's URL, else DATABASE_URL, else alembic.ini's.\"\"\"
    url = config.attributes.get("url") or os.environ.get("DATABASE_URL") or config.get_main_option("sqlalchemy.url")
    return make_url(url).set(drivername="postgresql+$driver")


def include_name(name, kind, parents):
    \"\"\"Compare own tables only: other services' tables are in the same database.\"\"\"
    return kind != "table" or name.startswith("${package}_")


def run(connection: Connection | None = None) -> None:
    \"\"\"Run the command on the connection, or print its SQL without one.\"\"\"
    context.configure(
        connection=connection,
        url=None if connection else database_url(),
        target_metadata=Base.metadata,
        version_table="$version_table",
        include_name=include_name,
        compare_server_default=True,
        transaction_per_migration=True,  # an enum value can only be used after its transaction
        literal_binds=connection is None,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()

"""

_ENV_ASYNC = """\

async def run_online() -> None:
    \"\"\"Connect, and run the synchronous part inside.\"\"\"
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
"""

_ENV_SYNC = """\

if config.config_file_name:
    fileConfig(config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    run()
else:
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as open_connection:
        run(open_connection)
"""

_MODELS = """\
\"\"\"Tables of $name; their names begin with `${package}_`, which is what services.yaml says that it owns.\"\"\"

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    \"\"\"Constraint names by rule, so that a downgrade can name what it drops.\"\"\"

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True)}


class Item(Base):
    \"\"\"The first table: rename it, or add others beside it.\"\"\"

    __tablename__ = "${package}_items"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
"""

_REVISION = """\
\"\"\"create ${package}_items

Revision ID: $revision
Revises:
Create Date: $created
\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "$revision"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "${package}_items",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_${package}_items"),
    )


def downgrade() -> None:
    op.drop_table("${package}_items")
"""


def service_files(facts: Mapping[str, str]) -> dict[str, str]:
    """Text by path below the service's directory.

    Args:
        facts: name, package, version_table, url, driver (asyncpg or psycopg), revision, created.
    """
    asynchronous = facts["driver"] == "asyncpg"
    facts = dict(facts)
    facts |= {
        "requirements": '"sqlalchemy[asyncio]>=2.0.36,<3", "asyncpg>=0.30,<1"'
        if asynchronous
        else '"sqlalchemy>=2.0.36,<3", "psycopg[binary]>=3.2,<4"',
        "stdlib": "import asyncio\nimport os" if asynchronous else "import os",
        "engine_import": "from sqlalchemy.ext.asyncio import create_async_engine"
        if asynchronous
        else "from sqlalchemy import create_engine",
    }
    templates = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        "alembic.ini": _INI,
        "alembic/env.py": _ENV_HEAD + (_ENV_ASYNC if asynchronous else _ENV_SYNC),
        "$package/__init__.py": '"""$name."""\n',
        "$package/models.py": _MODELS,
        "alembic/versions/${revision}_create_${package}_items.py": _REVISION,
    }
    filled = {_fill(path, facts): _fill(text, facts) for path, text in templates.items()}
    return {**filled, "alembic/script.py.mako": _MAKO}


def _fill(text: str, facts: Mapping[str, str]) -> str:
    return Template(text).substitute(facts)
