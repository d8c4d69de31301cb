"""A second history with Alembic's default version table: refused before its env.py runs, which may take a minute."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput, HistoryError
from aegisdb.plain_text import number_of
from aegisdb.registry.insertion import entry_text
from aegisdb.registry.types import AlembicSettings, Service
from aegisdb.revisions.load import read_history
from aegisdb.workflows.service.created_tables import created
from aegisdb.workflows.service.description import is_beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aegisdb.registry.types import Registry

_DEFAULT = "alembic_version"
_SHOWN = 12


def refuse_second_default(
    registry: Registry, name: str, relative: str, config: Path | str, runner: tuple[str, ...]
) -> None:
    """Refuse a history whose env.py names no version table where another service has the default one.

    What its text does not tell is left to the run of env.py.

    Raises:
        BadInput: it is one; with what its files tell, and with the entry that keeps both apart.
    """
    taken = [
        other
        for other, one in registry.services.items()
        if one.alembic and one.alembic.version_table == _DEFAULT and not one.schema
    ]
    if not taken:
        return
    settings = _settings(registry.root / relative, config)
    service = Service(path=relative, alembic=settings, runner=runner or None)
    with_it = replace(registry, file=replace(registry.file, services={**registry.services, name: service}))
    try:
        history = read_history(with_it, name)
    except HistoryError:
        return
    if not _names_none(history.locations.env_py):
        return
    files = [revision.file for revision in history.revisions.values()]
    if not (tables := created(files)):
        return  # env.py knows more
    alembic = {"config": settings.config, "script_location": settings.script_location, "version_table": _DEFAULT}
    entry: dict[str, Any] = {"path": relative, "alembic": {k: v for k, v in alembic.items() if v or k == "config"}}
    if runner:
        entry["runner"] = list(runner)
    raise BadInput(
        f"{name} keeps its version in {_DEFAULT}, and so does {taken[0]}",
        hint=way_out(name, tables, len(files), _DEFAULT, entry),
        where=str(history.locations.env_py),
    )


def way_out(name: str, tables: Sequence[str], revisions: int, version_table: str, entry: Mapping[str, Any]) -> str:
    """What was found, and how two histories with the same version table live in one database."""
    schema = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    shown = f" ({', '.join(tables[:_SHOWN])}{', ...' if len(tables) > _SHOWN else ''})" if tables else ""
    alone = {key: value for key, value in entry.items() if key != "owns"}
    return (
        f"found: {number_of(len(tables), 'table')}{shown}, {number_of(revisions, 'revision')}, "
        f"version table {version_table}; "
        f'--schema {schema} gives it a schema of its own, or let env.py say version_table="{version_table}_{schema}":\n'
        f"{entry_text(name, {**alone, 'schema': schema}, 2)}"
    )


def _settings(home: Path, config: Path | str) -> AlembicSettings:
    if isinstance(config, str):
        return AlembicSettings(config=None, script_location=config, version_table=_DEFAULT)
    if config.name == "env.py":
        place = config.parent.relative_to(home.resolve()).as_posix()
        return AlembicSettings(config=None, script_location=place, version_table=_DEFAULT)
    beside = config.parent.relative_to(home.resolve()).as_posix() if is_beside(config) else None
    return AlembicSettings(
        config=config.relative_to(home.resolve()).as_posix(), script_location=beside, version_table=_DEFAULT
    )


def _names_none(env_py: Path) -> bool:
    """Whether env.py itself calls configure() and gives no version table there, written out or in a mapping."""
    text = env_py.read_text(encoding="utf-8", errors="replace") if env_py.is_file() else ""
    return "configure(" in text and "version_table" not in text and "**" not in text
