"""A small monorepo, written into a temporary directory: services.yaml and services with the revisions a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent

INI = """\
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
path_separator = os
sqlalchemy.url = postgresql+psycopg://nobody@127.0.0.1:1/nothing
"""

_HEAD = """\
from alembic import context
from sqlalchemy import pool

{imports}

config = context.config


def migrate(connection):
    context.configure(
        connection=connection, target_metadata=models.Base.metadata, version_table="{version_table}"
    )
    with context.begin_transaction():
        context.run_migrations()


def offline():
    context.configure(
        url=config.get_main_option("sqlalchemy.url"), target_metadata=models.Base.metadata,
        version_table="{version_table}", literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()

"""

SYNC = (
    _HEAD.replace("{imports}", "from sqlalchemy import engine_from_config\n\nimport models")
    + """
def online():
    section = config.get_section(config.config_ini_section, {})
    engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()


offline() if context.is_offline_mode() else online()
"""
)

ASYNC = (
    _HEAD.replace(
        "{imports}",
        "import asyncio\n\nfrom sqlalchemy.ext.asyncio import async_engine_from_config\n\nimport models",
    )
    + """
async def online():
    section = config.get_section(config.config_ini_section, {})
    engine = async_engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


offline() if context.is_offline_mode() else asyncio.run(online())
"""
)

OUTER = SYNC.replace("engine.connect()", "engine.begin()")
"""An env.py that holds one transaction of its own around everything."""

MAKO = '''\
"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''

MODELS = """\
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass

"""


@dataclass(frozen=True, kw_only=True)
class Rev:
    """One revision file; `up` and `down` are bodies with `op` and `sa` in scope. `parent` None: the one before."""

    id: str
    up: str = "pass"
    down: str = "pass"
    parent: str | tuple[str, ...] | None = None
    message: str = ""
    head: str = ""
    """Code at module level."""


@dataclass(frozen=True, kw_only=True)
class Svc:
    """One service. `env` is "sync", "async", "outer" or the text of env.py; `owns` defaults to `<name>_*`."""

    revisions: tuple[Rev, ...] = ()
    owns: tuple[str, ...] | None = None
    models: str = ""
    after: tuple[str, ...] = ()
    env: str = "sync"
    schema: str | None = None
    runner: tuple[str, ...] | None = None
    alembic: Mapping[str, object] = field(default_factory=dict)
    """More keys of `alembic:`."""
    more: Mapping[str, object] = field(default_factory=dict)
    """More keys of the service."""


def build_monorepo(
    root: Path,
    services: Mapping[str, Svc],
    *,
    url: str | None = None,
    init: Mapping[str, str] | None = None,
    database: Mapping[str, object] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Path:
    """Write the monorepo below `root` and return it. The target `local` is the database at `url`, else embedded."""
    for name, text in (init or {}).items():
        write(root / name, text)
    document: dict[str, object] = {
        "version": 1,
        "project": "fixture",
        "default_target": "local",
        "targets": {
            "local": (
                {"url": _by_default(url), "gate": [], "proof": "local"} if url else {"server": "embedded", "port": 5432}
            )
        },
        "database": {
            "name": "aegis",
            "user": "aegis",
            "password": _by_default("pw"),
            "init": list(init or {}),
            **(database or {}),
        },
        "services": {name: _entry(name, service) for name, service in services.items()},
        **(extra or {}),
    }
    # JSON is YAML
    write(root / "services.yaml", json.dumps(document, indent=2))
    for name, service in services.items():
        write_service(root / "services" / name, name, service)
    return root


def _by_default(text: str) -> str:
    """The value of a variable that nobody sets, as people write it: where a password is written out, nothing is cached.

    Each command would load pydantic and judge the file anew, which takes as long as all else of `service.list`.
    """
    return text if "${" in text else f"${{SET_NOWHERE:-{text}}}"


def _entry(name: str, service: Svc) -> dict[str, object]:
    driver = "asyncpg" if service.env == "async" else "psycopg"
    entry: dict[str, object] = {
        "path": f"services/{name}",
        "alembic": {"config": "alembic.ini", "version_table": version_table(name), "driver": driver, **service.alembic},
        "owns": list(service.owns if service.owns is not None else (f"{name.replace('-', '_')}_*",)),
        "after": list(service.after),
    }
    if service.schema:
        entry["schema"] = service.schema
    if service.runner:
        entry["runner"] = list(service.runner)
    return entry | dict(service.more)


def version_table(name: str) -> str:
    """The version table of a service of the fixture."""
    return f"alembic_version_{name.replace('-', '_')}"


def write_service(home: Path, name: str, service: Svc) -> None:
    """Write one service's directory."""
    env = {"sync": SYNC, "async": ASYNC, "outer": OUTER}.get(service.env, service.env)
    write(home / "alembic.ini", INI)
    write(home / "alembic" / "env.py", env.replace("{version_table}", version_table(name)))
    write(home / "alembic" / "script.py.mako", MAKO)
    write(home / "models.py", MODELS + dedent(service.models))
    (home / "alembic" / "versions").mkdir(exist_ok=True)
    parent: str | tuple[str, ...] | None = None
    for revision in service.revisions:
        write_revision(home, revision, parent)
        parent = revision.id


def write_revision(home: Path, revision: Rev, parent: str | tuple[str, ...] | None) -> Path:
    """Write one revision file of the service at `home`; returns its path."""
    below = revision.parent if revision.parent is not None else parent
    text = (
        f'"""{revision.message or revision.id}"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {revision.id!r}\ndown_revision = {below or None!r}\n\n{dedent(revision.head)}\n\n"
        f"def upgrade():\n{indent(dedent(revision.up).strip(), '    ')}\n\n\n"
        f"def downgrade():\n{indent(dedent(revision.down).strip(), '    ')}\n"
    )
    return write(home / "alembic" / "versions" / f"{revision.id}.py", text)


def write(path: Path, text: str) -> Path:
    """Write a file and its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def table(name: str, *columns: str) -> str:
    """Body that makes a table with an id and more columns, given as SQL."""
    more = "".join(f", {column}" for column in columns)
    return f'op.execute("CREATE TABLE {name} (id bigint PRIMARY KEY{more})")'
