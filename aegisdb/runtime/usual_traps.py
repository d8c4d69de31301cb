"""Mistakes that many make once, each known by what the server or Alembic says: what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_LONGEST_ID = 32  # of Alembic's version_num
_MISSING = re.compile(
    r'^(?P<kind>type|relation|operator class|function) "?(?P<name>[^"(]+)"?(?:\(.*\))? does not exist'
)
_UNCOPIED = re.compile(r'^(?P<kind>subscription|replication slot) "(?P<name>[^"]+)" does not exist')
_NO_EXTENSION = re.compile(r'^extension "(?P<name>[^"]+)" is not available')
_NAMES_MISSING = frozenset({"42704", "42883", "42P01", "3F000"})
_BIND = re.compile(r"A value is required for bind parameter '(?P<name>\w+)'")
_EXTENSION_OF = {
    **dict.fromkeys(("vector", "halfvec", "sparsevec"), "vector"),
    **{name: name for name in ("citext", "hstore", "ltree", "cube")},
    **dict.fromkeys(("geometry", "geography"), "postgis"),
}
_NO_SCHEMA = re.compile(r'^schema "(?P<name>[^"]+)" does not exist')
_NO_OPERATORS = re.compile(r'has no default operator class for access method "gist"')
_OF_AGE = re.compile(r"graphid|agtype|create_graph|create_[ve]label|\bcypher\b|ag_\w+")
_NO_TABLE = re.compile(r"could not find table '(?P<name>[^']+)' with which to generate a foreign key")
_HOOK = re.compile(
    r"Could not find entrypoint console_scripts\.(?P<tool>[\w.-]+)|No such file or directory: '(?P<file>[^']+)'"
)
_LOAD = "begin the function with op.execute(\"LOAD 'age'\"): each revision may have a session of its own"
_AG_CATALOG = (
    "AGE's objects are in ag_catalog: write `SET LOCAL search_path = ag_catalog, public` first, or ag_catalog.NAME"
)


def of_revision(failure: Mapping[str, Any], registry: Registry, history: History, revision: Revision) -> str:
    """The hint for a failing revision; "" where it is none of these."""
    message, sqlstate = failure.get("message", ""), failure.get("sqlstate", "")
    if found := _BIND.search(message):
        name = found["name"]
        return rf"SQLAlchemy takes :{name} for a parameter: write \:{name}, or op.get_bind().exec_driver_sql(...)"
    if "unhandled cypher(cstring)" in message:
        return _LOAD
    if sqlstate == "22001" and len(revision.id) > _LONGEST_ID:
        return (
            f"the revision id has {len(revision.id)} characters and the version table takes {_LONGEST_ID}: shorten"
            " `revision` (and `down_revision` of the next one)"
        )
    if failure.get("error") == "AssertionError" and "autocommit_block" in revision.source:
        return (
            "env.py holds a transaction of its own, and an autocommit_block has none to leave: engine.connect()"
            f" instead of engine.begin() in {history.locations.env_py}"
        )
    missing = _MISSING.match(message) if sqlstate in _NAMES_MISSING else None
    if missing:
        return _of_missing(missing["kind"], missing["name"], registry, history, revision)
    return _of_server(message)


def _of_server(message: str) -> str:
    if lacking := _NO_EXTENSION.match(message):
        return (
            f"the server has no {lacking['name']}: install its package there; an embedded target needs `bindir:` of a"
            " PostgreSQL that has it, or use a compose or a url target"
        )
    if uncopied := _UNCOPIED.match(message):
        return (
            f"proofs, plans and tests work on copies, and CREATE DATABASE ... TEMPLATE copies no {uncopied['kind']}:"
            " DROP ... IF EXISTS, or let the revision ask the catalog first whether this database has it"
        )
    return ""


def of_models(reason: str, schema: str | None) -> str:
    """The hint for a model that the server does not build, in a service with this schema; "" where it is none of these.

    What a model needs besides tables is made by the base schema or by a revision before.
    """
    if found := _NO_SCHEMA.match(reason):
        return f'op.execute("CREATE SCHEMA {found["name"]}") comes first, in a revision (migrate.new --empty)'
    if _NO_OPERATORS.search(reason):
        return _made_first("btree_gist")
    missing = _MISSING.match(reason)
    if not missing or missing["kind"] != "type" or "." in missing["name"]:
        return ""
    if schema:
        return (
            f"with `schema: {schema}` the search_path is that schema alone: CREATE EXTENSION or TYPE in it, or give"
            " context.configure() in env.py a version_table= of its own and take `schema:` away"
        )
    return _made_first(_EXTENSION_OF[missing["name"]]) if missing["name"] in _EXTENSION_OF else ""


def _made_first(extension: str) -> str:
    return f"CREATE EXTENSION IF NOT EXISTS {extension} comes first, in an init file or a revision before"


def of_environment(failure: Mapping[str, Any], history: History) -> str:
    """The hint for a failing env.py, or a hook after it."""
    found = _HOOK.search(failure.get("message", ""))
    if found and (found["tool"] or str(failure.get("at", "")).partition(":")[0].endswith("subprocess.py")):
        return (
            "the revision file is written; its post-write hook is not there: install"
            f" {found['tool'] or found['file']} in the service's environment, or take it out of post_write_hooks"
        )
    if failure.get("error") in {"KeyError", "TypeError", "IndexError", "ValueError"} and failure.get("line"):
        lines = history.locations.env_py.read_text(encoding="utf-8", errors="replace").splitlines()
        if any("get_x_argument" in line for line in lines[: int(failure["line"])]):
            return (
                "env.py asks for arguments of `alembic -x`: give them under `alembic:` in services.yaml, as"
                " `x: {NAME: VALUE}`"
            )
    if found := _NO_TABLE.search(failure.get("message", "")):
        return (
            f"a foreign key leads to {found['name']}, which is not in this metadata: declare what it needs of it,"
            f' Table("{found["name"]}", metadata, Column("id", ...)); `owns` keeps the table from the revisions'
        )
    return _of_driver(failure, history)


def _of_driver(failure: Mapping[str, Any], history: History) -> str:
    """Where env.py's engine works with asyncio and the driver of its URL does not, or the other way round."""
    key = f"in services.yaml, under `alembic:` of {history.service}"
    if "requires an async driver" in failure.get("message", ""):
        return f"env.py's engine works with asyncio: write `driver: asyncpg` (or psycopg) {key}"
    if failure.get("error") == "MissingGreenlet":
        return f"env.py's engine works without asyncio: write `driver: psycopg` (or psycopg2) {key}"
    return ""


def _of_missing(kind: str, name: str, registry: Registry, history: History, revision: Revision) -> str:
    schema, _, plain = name.rpartition(".")
    if plain == history.version_table:
        return (
            "the revision leaves a search_path in which the version table is not found; a dump does: take its"
            " set_config('search_path', ...) out"
        )
    if schema:
        return ""
    if _OF_AGE.search(plain):
        return _AG_CATALOG
    if kind == "relation" and (owner := registry.owners.of_table(name)) not in {"", history.service}:
        return _of_another(owner, plain, registry, history)
    return _of_search(kind, plain, history, revision)


def _of_another(owner: str, table: str, registry: Registry, history: History) -> str:
    if owner in registry.services[history.service].after:
        return f"{table} is {owner}'s: `requires` in the revision says for which revision of {owner} it waits"
    return f"{table} is {owner}'s: write `after: [{owner}]` under {history.service}"


def _of_search(kind: str, name: str, history: History, revision: Revision) -> str:
    if history.schema:
        return (
            f"with `schema: {history.schema}` the search_path is that schema alone: write public.{name} for what is in"
            " public"
        )
    if kind == "type" and re.search(rf"""\bname\s*=\s*["']{re.escape(name)}["']""", revision.source):
        return f'adding a column makes no type: sa.Enum(..., name="{name}").create(op.get_bind()) comes first'
    if name in _EXTENSION_OF:
        return _made_first(_EXTENSION_OF[name])
    return ""
