"""Before anything runs: does env.py lead to the database, and to the version table, that were asked for?"""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from . import statements
from .error_report import Refusal
from .fast.listening import listening
from .schema_path import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Message

_DEFAULT_SCHEMA = "public"
_DEFAULT_VERSION_TABLE = "alembic_version"
_GIVEN = r"(?:GRANT|REVOKE|LABEL)\b[^;]*\sON"
_IDENTITY = """
SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), oid::text, datname::text,
       pg_catalog.pg_backend_pid()::text, coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), ''),
       coalesce(pg_catalog.inet_server_port(), 0)::text
FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""


def prove(connection: Any, opening: Message, env_py: str) -> int:
    """Return the connection's backend pid.

    Raises:
        Refusal: `wrong_database`: env.py connected elsewhere; nothing has run there but one SELECT of its identity.
    """
    asked = opening["identity"]
    if connection.dialect.name != "postgresql":
        reached = connection.engine.url.render_as_string(hide_password=True)
        raise _elsewhere(env_py, f"a {connection.dialect.name} database ({reached})", opening)
    row = statements.texts(connection, _IDENTITY)
    if row[:2] != (str(asked["system_identifier"]), str(asked["oid"])):
        url = connection.engine.url
        server = f"{row[4]}:{row[5]}" if row[4] else f"{url.host}:{url.port}"  # through a socket it does not say
        raise _elsewhere(env_py, f"database {row[2]} on the server at {server}", opening)
    return int(row[3])


@contextmanager
def elsewhere_alone(connection: Any, live: list[str]) -> Iterator[None]:
    """Within this, no statement names one of these databases: it would change the live one out of a copy.

    Raises:
        Refusal: `names_database`: one does; it was not sent.
    """
    names = "|".join(f'{re.escape(name)}(?![\\w$])|"{re.escape(name)}"' for name in live)
    naming = re.compile(rf"\b(?:ALTER|DROP|IN|COMMENT\s+ON|{_GIVEN})\s+DATABASE\s+(?:{names})", re.IGNORECASE)

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if found := naming.search(statement):
            raise Refusal(
                "names_database",
                f"it says {' '.join(found[0].split())}, but runs in another database first: in that of a proof or of a"
                " reset; that statement was not run",
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I ...', current_database()); END $$;",
            )

    with listening(connection, before_cursor_execute=look) if live else nullcontext():
        yield


def require_connection(given: Any) -> Any:
    """Return what env.py gave Alembic as its connection.

    Raises:
        Refusal: `environment`: it is none.
    """
    if given is None:
        raise Refusal("environment", "env.py gave no connection to context.configure()")
    if not hasattr(given, "execute"):
        raise Refusal("environment", "env.py gave context.configure() an engine instead of a connection")
    return given


def settle_version_table(wished: Message, opening: Message, env_py: str) -> None:
    """Fill in the version table's schema in what env.py wishes.

    Raises:
        Refusal: `version_table`: it is not the registry's.
    """
    schema = opening["schema"]
    if schema and not wished.get("version_table_schema"):
        wished["version_table_schema"] = schema
    table, place = wished.get("version_table", _DEFAULT_VERSION_TABLE), wished.get("version_table_schema")
    if table != opening["version_table"]:
        hint = "make them the same: plain alembic and invoke must read one table"
        raise _another_table(env_py, table, opening, hint)
    if place and place != (schema or _DEFAULT_SCHEMA):
        hint = f"take version_table_schema out of it, or say `schema: {place}` for the service"
        raise _another_table(env_py, f"{place}.{table}", opening, hint)


def _another_table(env_py: str, table: str, opening: Message, hint: str) -> Refusal:
    expected = ".".join(filter(None, (opening["schema"], opening["version_table"])))
    said = f"{env_py} keeps its version in {table}, services.yaml says {expected}; nothing was run"
    return Refusal("version_table", said, hint)


def _elsewhere(env_py: str, reached: str, opening: Message) -> Refusal:
    asked = opening["identity"]["database"]
    return Refusal(
        "wrong_database",
        f"{env_py} connected to {reached}, not to {asked} on the target's server; nothing was run",
        "let env.py use `sqlalchemy.url` of its config, or name the variable it reads as `alembic.url_env`,"
        " or the object of its application as `alembic.url_setting`",
    )


def settle(connection: Any, opening: Message) -> None:
    """Session settings of a migration: bounded lock waits, early notice of a dead client, a name to be found by."""
    settings = {
        "application_name": opening["application"],
        "lock_timeout": f"{opening['lock_timeout']}ms",
        "client_connection_check_interval": "1s",
        "idle_session_timeout": "0",  # it idles while other services' revisions run
    }
    if opening["schema"]:
        settings["search_path"] = quoted(opening["schema"])
        # the recipe of Alembic's cookbook for one schema per tenant
        connection.dialect.default_schema_name = opening["schema"]
    calls = (f"pg_catalog.set_config('{name}', {statements.literal(value)}, false)" for name, value in settings.items())
    statements.texts(connection, f"SELECT {', '.join(calls)}")
