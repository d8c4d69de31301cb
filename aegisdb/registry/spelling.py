"""How names, modules, URLs and numbers of services.yaml may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.registry.kinds import SEEDS, TARGETS
from aegisdb.registry.lookup import at, elements, items, texts
from aegisdb.registry.problems import Problem
from aegisdb.registry.types import ENV_TARGET
from aegisdb.registry.values import NAME, NAME_HINT, OBJECT_HINT, OWNED, connection_problems, match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.document import Key

_GRAPH = r"[A-Za-z_][A-Za-z0-9_.-]+[A-Za-z0-9_]"


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
    for collection in ("targets", "services", "fleets"):
        for name in at(plain, collection) or () if isinstance(at(plain, collection), dict) else ():
            yield from match(
                NAME, (collection, name), name, f"not usable as a {collection[:-1]} name", NAME_HINT, at_key=True
            )
    for field in ("name", "user", "extensions"):
        for key, name in texts(plain, "database", field):
            yield from match(NAME, key, name, "not usable as a name here", NAME_HINT)
    for key, name in texts(plain, "database", "graphs"):
        hint = "Apache AGE wants three characters or more: letters, digits, _ - and ."
        yield from match(_GRAPH, key, name, "not usable as a graph name", hint)


def _target(key: Key, name: str, target: dict[str, Any]) -> Iterator[Problem]:
    if name == ENV_TARGET:
        yield Problem(key, "`env` is the target that DATABASE_URL makes", "call this target otherwise", at_key=True)
    if kind := TARGETS.of(target):
        yield from kind.problems(key, target)


def _service(key: Key, service: dict[str, Any]) -> Iterator[Problem]:
    for place, text in texts(service, "schema"):
        yield from match(NAME, (*key, *place), text, "not usable as a schema name", NAME_HINT)
    for place, text in texts(service, "stamp"):
        yield from match(NAME, (*key, *place), text, "not usable as a revision", "a revision id, or `head`")
    for place, text in texts(service, "owns"):
        yield from match(OWNED, (*key, *place), text, "not usable as an owned name", OBJECT_HINT)
    runner = service.get("runner")
    if isinstance(runner, list) and (not runner or "" in runner):
        yield Problem((*key, "runner"), "the runner is empty", "null for this environment, or e.g. [poetry, run]")
    yield from _alembic((*key, "alembic"), service.get("alembic"))
    for place, seed in elements(service, "seeds"):
        if kind := SEEDS.of(seed):
            yield from kind.problems((*key, *place), seed)


def _alembic(key: Key, alembic: Any) -> Iterator[Problem]:
    for place, text in texts(alembic, "version_table"):
        yield from match(NAME, (*key, *place), text, "not usable as a table name", NAME_HINT)
    yield from connection_problems(key, alembic)
    if isinstance(alembic, dict) and alembic.get("config", "") is None and not alembic.get("script_location"):
        yield Problem((*key, "config"), "without an ini file, `script_location` must say where the history is")
