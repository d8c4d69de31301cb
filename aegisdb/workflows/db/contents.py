"""Contents of a finished database, as the table that a reset ends with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aegisdb.deploy.ledger import deploy_files
from aegisdb.fast_dataclass import dataclass
from aegisdb.fingerprint.keys import Name
from aegisdb.ownership import BASE, Owners
from aegisdb.plain_text import some_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.building.inspection import Content
    from aegisdb.registry.types import Registry

_DEFAULT_SCHEMA = "public"
_NO_SERVICE = "no service"
"""Whose a table is that neither a service claims nor a file of the base schema names: a revision or a seed made it."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One thing that the new database has: an extension, an owner's tables, a history, a seed."""

    kind: str
    name: str
    what: str


def made_of(registry: Registry, content: Content) -> tuple[Made, ...]:
    """The content of a database, an entry for each extension, graph, owner of tables, history and seed."""
    owners = Owners(registry)
    tables: dict[str, list[str]] = {}
    of_base = _named_by_base(registry)
    for schema, table in content.tables:
        owner = owners.owner_of_name(Name("table", schema, table)) or (BASE if of_base(table) else _NO_SERVICE)
        tables.setdefault(owner, []).append(table if schema == _DEFAULT_SCHEMA else f"{schema}.{table}")
    made = [Made(kind="extension", name=name, what=version) for name, version in content.extensions.items()]
    made += [Made(kind="graph", name=name, what="") for name in content.graphs]
    made += [
        Made(kind="tables", name=owner, what=f"{len(names)}: {some_of(names)}")
        for owner, names in sorted(tables.items())
    ]
    made += [
        Made(kind="history", name=name, what=f"at {', '.join(rows) or 'nothing'}")
        for name, rows in content.revisions.items()
    ]
    made += [
        Made(kind="seed", name=name, what=", ".join(f"{table} {count}" for table, count in rows.items()))
        for name, rows in content.seeds.items()
    ]
    return tuple(made)


def _named_by_base(registry: Registry) -> Callable[[str], bool]:
    """Whether a file of the base schema names a table."""

    @cache
    def texts() -> str:
        files = (*(registry.root / name for name in registry.file.database.init), *deploy_files(registry))
        return "\n".join(path.read_text("utf-8", "replace") for path in files)

    return lambda table: table in texts()
