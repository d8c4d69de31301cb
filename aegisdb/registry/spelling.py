"""How names, modules, URLs and numbers of services.yaml may be written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aegisdb.registry.lookup import at, elements, items, texts
from aegisdb.registry.problems import Problem
from aegisdb.registry.types import ENV_TARGET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.document import Key

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names."""
_MAX_PORT = 65535

# compiled where something is looked at: of a registry that is known to be sound, that is little
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_GRAPH = r"[A-Za-z_][A-Za-z0-9_.-]+[A-Za-z0-9_]"
_OBJECT = r'[\w*?\[\]!"][\w*?\[\]!". $-]*'
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_DRIVER = r"[a-z][a-z0-9_]*"
_MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_NAME_HINT = f"letters, digits, _ - and . , not beginning with - or . , at most {MAX_NAME_BYTES} bytes"
_OBJECT_HINT = 'a name or shell pattern such as skills, "checklist_*" or "oilgas.*"'


def spelling_problems(plain: Any) -> Iterator[Problem]:
    """Every value that is written in a way that PostgreSQL, a shell or a person could misread."""
    yield from _names(plain)
    for key, name, target in items(plain, "targets"):
        yield from _target(key, name, target)
    for key, _name, service in items(plain, "services"):
        yield from _service(key, service)
    for name in ("keep", "max_bytes"):
        limit = at(plain, "snapshots", name)
        if isinstance(limit, int) and limit < 1:
            yield Problem(("snapshots", name), "a limit is 1 or more")


def _names(plain: Any) -> Iterator[Problem]:
    for collection in ("targets", "services"):
        for name in at(plain, collection) or () if isinstance(at(plain, collection), dict) else ():
            yield from _match(
                _NAME, (collection, name), name, f"not usable as a {collection[:-1]} name", _NAME_HINT, at_key=True
            )
    for field in ("name", "user", "extensions"):
        for key, name in texts(plain, "database", field):
            yield from _match(_NAME, key, name, "not usable as a name here", _NAME_HINT)
    for key, name in texts(plain, "database", "graphs"):
        hint = "Apache AGE wants three characters or more: letters, digits, _ - and ."
        yield from _match(_GRAPH, key, name, "not usable as a graph name", hint)


def _match(pattern: str, key: Key, text: str, message: str, hint: str, *, at_key: bool = False) -> Iterator[Problem]:
    # fullmatch: a $ would let a newline at the end pass
    if not re.fullmatch(pattern, text) or len(text.encode()) > MAX_NAME_BYTES:
        yield Problem(key, message, hint, at_key)


def _target(key: Key, name: str, target: dict[str, Any]) -> Iterator[Problem]:
    if name == ENV_TARGET:
        yield Problem(key, "`env` is the target that DATABASE_URL makes", "call this target otherwise", at_key=True)
    port = target.get("port")
    if isinstance(port, int) and not 1 <= port <= _MAX_PORT:
        yield Problem((*key, "port"), f"a port is a number from 1 to {_MAX_PORT}")
    for field in ("service", "flush"):
        for place, text in texts(target, field):
            yield from _match(_NAME, (*key, *place), text, "not usable as the name of a compose service", _NAME_HINT)


def _service(key: Key, service: dict[str, Any]) -> Iterator[Problem]:
    for place, text in texts(service, "schema"):
        yield from _match(_NAME, (*key, *place), text, "not usable as a schema name", _NAME_HINT)
    for place, text in texts(service, "stamp"):
        yield from _match(_NAME, (*key, *place), text, "not usable as a revision", "a revision id, or `head`")
    for place, text in texts(service, "owns"):
        yield from _match(_OBJECT, (*key, *place), text, "not usable as an owned name", _OBJECT_HINT)
    runner = service.get("runner")
    if isinstance(runner, list) and (not runner or "" in runner):
        yield Problem((*key, "runner"), "the runner is empty", "null for this environment, or e.g. [poetry, run]")
    yield from _alembic((*key, "alembic"), service.get("alembic"))
    for place, seed in elements(service, "seeds"):
        if isinstance(seed, dict):
            yield from _seed((*key, *place), seed)


def _alembic(key: Key, alembic: Any) -> Iterator[Problem]:
    for place, text in texts(alembic, "version_table"):
        yield from _match(_NAME, (*key, *place), text, "not usable as a table name", _NAME_HINT)
    yield from _connection(key, alembic)
    if isinstance(alembic, dict) and alembic.get("config", "") is None and not alembic.get("script_location"):
        yield Problem((*key, "config"), "without an ini file, `script_location` must say where the history is")


def _connection(key: Key, settings: Any) -> Iterator[Problem]:
    for place, text in texts(settings, "url_env"):
        hint = "letters, digits and _, not beginning with a digit, e.g. DATABASE_URL"
        yield from _match(_VARIABLE, (*key, *place), text, "not usable as the name of an environment variable", hint)
    for place, text in texts(settings, "driver"):
        if text:
            hint = "psycopg, asyncpg or psycopg2"
            yield from _match(_DRIVER, (*key, *place), text, "not usable as a SQLAlchemy driver", hint)


def _seed(key: Key, seed: dict[str, Any]) -> Iterator[Problem]:
    yield from _connection(key, seed)
    for place, text in texts(seed, "module"):
        if not re.fullmatch(_MODULE, text):
            yield Problem((*key, *place), "not a dotted module name", "e.g. orchestration.seed_skills")
    for place, text in texts(seed, "http"):
        yield from _request((*key, *place), text)
    for place, text in texts(seed, "ready"):
        if not _is_http(text):
            yield Problem((*key, *place), "not an http URL", "e.g. http://localhost:8003/health")
    for place, text in texts(seed, "fills"):
        yield from _match(_OBJECT, (*key, *place), text, "not usable as a table name", 'e.g. wells or oilgas."Well"')
    for place, text in texts(seed, "serve"):
        if not text.strip():
            yield Problem((*key, *place), "the command is empty", "leave `serve` out when nothing is to be started")
    timeout = seed.get("timeout")
    if isinstance(timeout, int | float) and timeout <= 0:
        yield Problem((*key, "timeout"), "a deadline is more than 0 seconds")


def _request(key: Key, text: str) -> Iterator[Problem]:
    method, _, url = text.partition(" ")
    if method not in _METHODS:
        yield Problem(key, "does not begin with an HTTP method", f"METHOD URL, the method one of {', '.join(_METHODS)}")
    elif not _is_http(url.strip()):
        yield Problem(key, "has no http URL after the method", "e.g. POST http://localhost:8003/seed")


def _is_http(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
