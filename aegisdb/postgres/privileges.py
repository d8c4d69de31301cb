"""From "permission denied" to the statement that an administrator has to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address

INSUFFICIENT_PRIVILEGE = "42501"

# PostgreSQL has the object in no field of its own, only in the English message; another language gets the general hint
_STATEMENTS = (
    (r'permission denied for schema "?([^"]+)"?', "GRANT USAGE, CREATE ON SCHEMA {object} TO {role}"),
    (r'permission denied for database "?([^"]+)"?', "GRANT CREATE ON DATABASE {object} TO {role}"),
    (r'permission denied for (?:table|view|relation) "?([^"]+)"?', "GRANT ALL ON TABLE {object} TO {role}"),
    (r'permission denied for sequence "?([^"]+)"?', "GRANT ALL ON SEQUENCE {object} TO {role}"),
    (r'permission denied for function "?([^"]+)"?', "GRANT EXECUTE ON FUNCTION {object} TO {role}"),
    (r'permission denied to create extension "?([^"]+)"?', "CREATE EXTENSION {object}"),
    (r"permission denied to create database", "ALTER ROLE {role} CREATEDB"),
    (r'must be owner of (?:table|relation|index|sequence) "?([^"]+)"?', "ALTER TABLE {object} OWNER TO {role}"),
)


def missing_grant(message: str, address: Address) -> str:
    """A hint with the statement to run in this database as its owner or as a superuser."""
    for pattern, statement in _STATEMENTS:
        found = re.search(pattern, message)
        if found:
            named = quote_ident(found[1]) if found.groups() else ""
            grant = statement.format(object=named, role=quote_ident(address.user))
            return f"as owner or superuser in database {address.database}: {grant};"
    return f"let an administrator grant the privilege to role {address.user}"
