"""A service's schema holds for connections that env.py opens with asyncpg itself, too: it reads no PGOPTIONS."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "asyncpg"


def take(path: str, is_asked_for: Callable[[dict[str, Any]], bool]) -> None:
    """Give `path` as search_path to each connection that `is_asked_for`, from now on."""

    def hold(module: Any) -> None:
        module.connect = module.connection.connect = _with_path(module.connection.connect, path, is_asked_for)

    if _NAME in sys.modules:
        hold(sys.modules[_NAME])
    else:
        sys.meta_path.insert(0, _WhenImported(hold))


class _WhenImported(MetaPathFinder):
    """Calls `then` with the module once it was imported: most services never do, and loading it takes a while."""

    def __init__(self, then: Callable[[Any], None]) -> None:
        self._then = then
        self._looking = False

    def find_spec(self, name: str, *_: object) -> Any:
        """Find the module as everybody does, and watch it load."""
        if name != _NAME or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            # not before: many a module only looks whether there is such a driver
            sys.meta_path.remove(self)
            self._then(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _with_path(connect: Any, path: str, is_asked_for: Callable[[dict[str, Any]], bool]) -> Any:
    @functools.wraps(connect)
    async def held(dsn: str | None = None, **parameters: Any) -> Any:
        if is_asked_for(_place(dsn or "", parameters)):
            parameters["server_settings"] = {"search_path": path, **(parameters.get("server_settings") or {})}
        return await connect(dsn, **parameters)

    return held


def _place(dsn: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Database and port that are meant, in asyncpg's order: arguments, the URL, the environment."""
    url = urlsplit(dsn)
    try:
        port = url.port
    except ValueError:  # several hosts: no database of ours
        return {}
    return {
        "database": parameters.get("database") or unquote(url.path.lstrip("/")) or os.environ.get("PGDATABASE"),
        "port": parameters.get("port") or port or os.environ.get("PGPORT"),
    }
