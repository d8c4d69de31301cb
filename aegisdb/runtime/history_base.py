"""What a history stands on before its first revision: its own schema, and a base that it did not make itself."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb import runners
from aegisdb.errors import AegisError, Failed
from aegisdb.plain_text import exception_line
from aegisdb.postgres.driver_urls import driver_environment, driver_url
from aegisdb.postgres.quoting import quote_ident
from aegisdb.progress import Listener, silent, under_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry, Service
    from aegisdb.revisions.history import History

_CALLABLE = re.compile(r"[\w.]+:[\w.]+")
_CALL = (
    "import importlib, sys; module, _, name = sys.argv[1].partition(':'); sys.path.insert(0, '');"
    " target = importlib.import_module(module);"
    " [target := getattr(target, part) for part in name.split('.')];"
    " target(sys.stdin.read())"
)
_TIMEOUT = 600.0  # seconds for a base made by a callable


def lay_ground(
    registry: Registry,
    conn: Connection,
    histories: Iterable[History],
    *,
    bindir: Path | None = None,
    listen: Listener = silent,
) -> bool:
    """Make schemas and bases of services that have nothing applied yet; True when something was made.

    Raises:
        StatementFailed: a base's SQL failed, with file:line; Failed: its callable did.
    """
    from aegisdb.applied.version_tables import read_versions

    listed = [h for h in histories if has_ground(registry, h)]
    if not listed:
        return False
    applied = read_versions(conn, listed)
    made = False
    for history in listed:
        if applied[history.service]:
            continue
        with _named(history.service):
            made |= _lay(registry, conn, history, bindir, listen)
    return made


def laid_grounds(registry: Registry, conn: Connection, histories: Iterable[History]) -> frozenset[str]:
    """Services that have nothing applied and whose ground is there all the same: after a reset, or taken back to it."""
    from aegisdb.applied.version_tables import read_versions

    listed = [h for h in histories if has_ground(registry, h)]
    applied = read_versions(conn, listed) if listed else {}
    return frozenset(h.service for h in listed if not applied[h.service] and is_laid(registry, conn, h))


def has_ground(registry: Registry, history: History) -> bool:
    """Whether anything is made for a history before its first revision."""
    return bool(history.schema or registry.services[history.service].base)


def is_laid(registry: Registry, conn: Connection, history: History) -> bool:
    """Whether what a history stands on is there, if anything is."""
    if registry.services[history.service].base:
        return _is_there(conn, history)
    if not history.schema:
        return True
    return conn.value("SELECT to_regnamespace(%s)", (quote_ident(history.schema),)) is not None


def callable_base(service: Service) -> bool:
    """Whether the base is made by code of the service."""
    return isinstance(service.base, str) and bool(_CALLABLE.fullmatch(service.base))


def sql_bases(registry: Registry, service: Service) -> list[Path]:
    """The SQL files that make the base."""
    if callable_base(service):
        return []
    parts = (service.base,) if isinstance(service.base, str) else service.base or ()
    return [registry.root / part for part in parts]


@contextmanager
def _named(service: str) -> Iterator[None]:
    """Let an error say whose ground it was."""
    try:
        yield
    except AegisError as error:
        error.service = service
        raise


def _lay(registry: Registry, conn: Connection, history: History, bindir: Path | None, listen: Listener) -> bool:
    """Make one schema and base; True when a base was made."""
    if history.schema:
        conn.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_ident(history.schema)}")
    service = registry.services[history.service]
    if not service.base or _is_there(conn, history):
        return False
    with under_way(listen, "base", history.service):
        _make_base(registry, history, conn.address, bindir)
    _stamp(registry, history, service, conn)
    return True


def _is_there(conn: Connection, history: History) -> bool:
    # an empty version table means that a person took everything back; the base is still there
    name = quote_ident(history.version_table)
    qualified = f"{quote_ident(history.schema)}.{name}" if history.schema else name
    return conn.value("SELECT to_regclass(%s)", (qualified,)) is not None


def _make_base(registry: Registry, history: History, address: Address, bindir: Path | None) -> None:
    service = registry.services[history.service]
    inside = _in_schema(address, history.schema)
    if callable_base(service):
        _call(history, service, str(service.base), inside)
        return
    for path in sql_bases(registry, service):
        from aegisdb.postgres.psql import run_file

        run_file(inside, path, bindir=bindir)


def _in_schema(address: Address, schema: str | None) -> Address:
    if not schema:
        return address
    option = ("options", f"-csearch_path={quote_ident(schema)}")
    return replace(address, parameters=(*address.parameters, option))


def _call(history: History, service: Service, target: str, address: Address) -> None:
    from aegisdb.processes import run

    driver = service.alembic.driver if service.alembic else "psycopg"
    home = history.locations.home
    finished = run(
        [*runners.python(service.runner, home), "-c", _CALL, target],
        cwd=home,
        env=runners.environment(service.runner, home, driver_environment(address, driver)),
        stdin=driver_url(address, driver),
        timeout=_TIMEOUT,
    )
    if finished.returncode:
        from aegisdb.postgres.masking import mask

        said = exception_line(mask(finished.stderr, address))
        raise Failed(
            f"{history.service}: its base {target} failed: {said}",
            where=str(home),
            code="base",
        )


def _stamp(registry: Registry, history: History, service: Service, conn: Connection) -> None:
    if not service.stamp:
        return
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import UNRECORDED

    with Session(registry, history, conn.address, conn.identity(), UNRECORDED) as session:
        session.stamp(history.resolve(service.stamp))
