"""What a server says, as an error of ours; the same words whether psycopg or psql heard them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.errors import (
    AegisError,
    Busy,
    DatabaseClosed,
    LoginRefused,
    NoAnswer,
    NoDatabase,
    Refused,
    StatementFailed,
    Unreachable,
)
from aegisdb.postgres.masking import mask
from aegisdb.postgres.privileges import INSUFFICIENT_PRIVILEGE, missing_grant
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address

DIRECT = "give its direct address: `direct_url:` of the target, or DATABASE_URL_DIRECT beside DATABASE_URL"
"""The hint of what needs a session of its own."""

_BUSY = {"55P03": "lock_not_available", "55006": "object_in_use"}
_NO_DATABASE = re.compile(r'database ".*" does not exist|no such database')
_LOGIN = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry"
    r"|not permitted to log in|permission denied for database|authentication method"
)
_CLOSED = "is not currently accepting connections"
_SHARED = re.compile("transaction blocks not allowed")  # PgBouncer, in statement mode
_FULL = re.compile(r"too many clients|connection slots are reserved|too many connections")


def of_statement(
    said: str, address: Address, sql: str, *, sqlstate: str, detail: str = "", hint: str = ""
) -> AegisError:
    """A statement that the server refused: Busy for a lock or an object in use, else StatementFailed."""
    message = mask(said.strip(), address)
    if _SHARED.search(message):
        return _shared(address)
    if sqlstate in _BUSY:
        return Busy(message, code=_BUSY[sqlstate], hint=hint or "run the command again")
    return StatementFailed(
        f"{message} ({mask(detail, address)})" if detail else message,
        sqlstate=sqlstate,
        statement=mask(sql, address),
        hint=missing_grant(message, address) if sqlstate == INSUFFICIENT_PRIVILEGE else hint,
    )


def lost(said: str, address: Address) -> AegisError:
    """The server ended the session."""
    if _SHARED.search(said):
        return _shared(address)
    first = mask(said.strip(), address).splitlines()[:1]
    return Unreachable(f"the server at {_place(address)} ended the session: {''.join(first)}", code="lost")


def of_connecting(said: str, address: Address) -> AegisError:
    """Why libpq could not log in, from its text: it keeps no SQLSTATE of a failed start-up."""
    text = mask(said.strip(), address)
    if _NO_DATABASE.search(text):
        return NoDatabase(
            f"the server at {_place(address)} has no database {address.database!r}",
            hint="invoke db.reset",
        )
    if _CLOSED in text:
        return DatabaseClosed(
            f"database {address.database!r} at {_place(address)} lets nobody in (ALLOW_CONNECTIONS false)",
            hint="invoke doctor --fix, where a run that died left it so; else its owner: ALTER DATABASE"
            f" {quote_ident(address.database)} ALLOW_CONNECTIONS true",
        )
    if _LOGIN.search(text):
        return LoginRefused(
            f"the server at {_place(address)} refuses the login of {address.user!r} to {address.database!r}: "
            + text.rpartition("FATAL: ")[2].strip().partition("\n")[0],  # psql adds where it got the password
            hint="check user and password of the target",
        )
    if _SHARED.search(text):
        return _shared(address)
    if _FULL.search(text):
        return Busy(
            f"the server at {_place(address)} has no free connection", hint="run it again", code="too_many_clients"
        )
    reason = text.rpartition(" failed: ")[2].partition("\n")[0]
    return NoAnswer(f"no PostgreSQL answers at {_place(address)}: {reason}", hint="invoke db.up")


def _shared(address: Address) -> Refused:
    return Refused(
        f"{address} is a pooler that gives away the session after each statement: it allows no transaction",
        hint=DIRECT,
        code="shared_session",
    )


def _place(address: Address) -> str:
    return f"{address.host}:{address.port}"
