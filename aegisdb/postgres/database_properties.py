"""What belongs to a database and not to anything in it: owner, settings, privileges, connection limit, comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.errors import StatementFailed
from aegisdb.postgres.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

# list settings are stored as a quoted list already; the same names as in pg_dump's variable_is_guc_list_quote
_LIST_SETTINGS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
_OF_A_RUN = "aegisdb.closed="
"""A setting that says what is being done with that database now."""
_PROPERTIES = """
    SELECT pg_get_userbyid(d.datdba), d.datconnlimit, shobj_description(d.oid, 'pg_database'),
           (SELECT json_agg(json_build_array(CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END,
                                             s.setconfig))
              FROM pg_db_role_setting s WHERE s.setdatabase = d.oid),
           (SELECT json_agg(json_build_array(CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END,
                                             a.privilege_type, a.is_grantable))
              FROM aclexplode(d.datacl) a)
      FROM pg_database d WHERE d.datname = %s"""


def copy_statements(conn: Connection, source: str, name: str, strategy: str) -> list[str]:
    """The statement that copies a database, by this strategy if any, and those that give the copy what it leaves out.

    That is settings, privileges, connection limit and comment. Raises StatementFailed without such a source.
    """
    rows = conn.rows(_PROPERTIES, (source,))
    if not rows:
        raise StatementFailed(f"there is no database {source!r} to copy", sqlstate="3D000")
    owner, limit, comment, settings, privileges = rows[0]
    database = quote_ident(name)
    copied = f"CREATE DATABASE {database} TEMPLATE {quote_ident(source)} OWNER {quote_ident(owner)}"
    statements = [f"{copied} STRATEGY {strategy}" if strategy else copied]
    statements += _properties(name, owner, limit, settings, privileges)
    if comment:
        statements.append(f"COMMENT ON DATABASE {database} IS {quote_literal(comment)}")
    return statements


def carried_statements(conn: Connection, source: str, name: str) -> list[str]:
    """What gives database `name` the owner of `source`, and its settings, privileges and limit where it has none.

    The statements are for when `name` has taken the name of `source`.
    """
    (owner, limit, _, settings, privileges), *_ = conn.rows(_PROPERTIES, (source,))
    (own_owner, own_limit, _, own_settings, own_privileges), *_ = conn.rows(_PROPERTIES, (name,))
    own = {(role, entry.partition("=")[0]) for role, config in own_settings or () for entry in config}
    missing = [
        (role, [entry for entry in config if (role, entry.partition("=")[0]) not in own])
        for role, config in settings or ()
    ]
    # first: privileges are granted by the owner
    owned = [f"ALTER DATABASE {quote_ident(source)} OWNER TO {quote_ident(owner)}"] if owner != own_owner else []
    return owned + _properties(
        source, owner, -1 if own_limit >= 0 else limit, missing, None if own_privileges is not None else privileges
    )


def _properties(name: str, owner: str, limit: int, settings: Any, privileges: Any) -> list[str]:
    database = quote_ident(name)
    statements = [
        _setting(database, role, entry)
        for role, config in settings or ()
        for entry in config
        if not entry.startswith(_OF_A_RUN)
    ]
    if privileges is not None:
        statements += [f"REVOKE ALL ON DATABASE {database} FROM {role}" for role in ("PUBLIC", quote_ident(owner))]
        statements += [_grant(database, *privilege) for privilege in privileges]
    if limit >= 0:
        statements.append(f"ALTER DATABASE {database} CONNECTION LIMIT {limit}")
    return statements


def _setting(database: str, role: str, entry: str) -> str:
    name, _, value = entry.partition("=")
    whom = f"ROLE {quote_ident(role)} IN DATABASE {database}" if role else f"DATABASE {database}"
    setting = ".".join(quote_ident(part) for part in name.split("."))
    written = value if name in _LIST_SETTINGS and value else quote_literal(value)
    return f"ALTER {whom} SET {setting} TO {written}"


def _grant(database: str, role: str, privilege: str, grantable: bool) -> str:  # noqa: FBT001  a row of aclexplode
    option = " WITH GRANT OPTION" if grantable else ""
    return f"GRANT {privilege} ON DATABASE {database} TO {quote_ident(role) if role else 'PUBLIC'}{option}"
