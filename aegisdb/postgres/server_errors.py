"""What a server says, as an error of ours; the same words whether psycopg or psql heard them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.errors import (
    AegisError,
    BadInput,
    Busy,
    CertificateRefused,
    DatabaseClosed,
    DatabaseRenamed,
    LoginRefused,
    NoAnswer,
    NoDatabase,
    StatementFailed,
    TlsRefused,
    Unreachable,
)
from aegisdb.postgres.capabilities import DIRECT, IDENTIFIER, TRANSACTION
from aegisdb.postgres.masking import mask
from aegisdb.postgres.privileges import INSUFFICIENT_PRIVILEGE, missing_grant
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address

_UNUSABLE = {INSUFFICIENT_PRIVILEGE, "42883"}  # undefined_function
_IDENTIFIER = IDENTIFIER.name.partition("(")[0]
_BUSY = {"55P03": "lock_not_available", "55006": "object_in_use"}
_NO_DATABASE = re.compile(r'database ".*" does not exist|no such database')
_RENAMED = "just been dropped or renamed"
_LOGIN = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry"
    r"|not permitted to log in|permission denied for database|authentication method"
)
_UNTRUSTED = re.compile(
    r"certificate verify failed|does not match host name|could not get server's host name from server certificate"
    r"|server certificate for"
)
_CLIENT_CERTIFICATE = re.compile(
    r"valid client certificate|alert unknown ca|alert (bad certificate|certificate required)"
)
_TLS = re.compile(r"\bSSL\b|\bTLS\b|channel binding|certificate")
_UNPASSED = re.compile(r"unsupported startup parameter(?: in options)?: *([\w.]+)")  # PgBouncer
_BAD_VALUE = re.compile(
    r"invalid \w+ value: .*|invalid integer value .*|weak sslmode .*|invalid (?:port number|connection option).*"
    r"|could not (?:match|load) .*"
)
_OTHER_KIND = re.compile(r"session is (?:not )?read-only|server is (?:not )?in hot standby mode")
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
    if sqlstate in _UNUSABLE and _IDENTIFIER in message:
        return IDENTIFIER.refusal("every command", f"{address} says: {message}")
    if sqlstate in _BUSY:
        return Busy(message, code=_BUSY[sqlstate], hint=hint or "run the command again")
    return StatementFailed(
        f"{message} ({mask(detail, address)})" if detail else message,
        sqlstate=sqlstate,
        statement=mask(sql, address),
        hint=missing_grant(message, address) if sqlstate == INSUFFICIENT_PRIVILEGE else hint,
    )


def behind_pooler(address: Address, reason: str = "") -> NoAnswer:
    """Somebody lets us in, and nobody answers what is asked."""
    return NoAnswer(
        f"what listens at {_place(address)} lets {address.user!r} in, and no server answers behind it"
        + (f": {reason}" if reason else ""),
        hint="the pooler's server is down, or its pool is full: see the pooler's log",
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
        kind = DatabaseRenamed if _RENAMED in text else NoDatabase
        return kind(
            f"the server at {_place(address)} has no database {address.database!r}",
            hint="invoke db.prepare",
        )
    if _CLOSED in text:
        return DatabaseClosed(
            f"database {address.database!r} at {_place(address)} accepts no connections (ALLOW_CONNECTIONS false)",
            hint="invoke doctor --fix, where a run that died left it so; else its owner: ALTER DATABASE"
            f" {quote_ident(address.database)} ALLOW_CONNECTIONS true",
        )
    if _LOGIN.search(text):
        return LoginRefused(
            f"the server at {_place(address)} refuses the login of {address.user!r} to {address.database!r}: "
            + text.rpartition("FATAL: ")[2].strip().partition("\n")[0],  # psql adds where it got the password
            hint="check user and password of the target"
            + (", and sslmode in its URL: this was without TLS" if "no encryption" in text else ""),
        )
    if _SHARED.search(text):
        return _shared(address)
    if _FULL.search(text):
        return Busy(
            f"the server at {_place(address)} has no free connection", hint="run it again", code="too_many_clients"
        )
    return _of_url(text, address) or _of_tls(text, address) or _no_answer(text, address)


def _no_answer(text: str, address: Address) -> AegisError:
    wanted = dict(address.parameters).get("target_session_attrs")
    if wanted and _OTHER_KIND.search(text):
        return NoAnswer(
            f"no server at {_place(address)} is what target_session_attrs={wanted} asks for: {_reason(text)}",
            hint="correct that parameter or the hosts of the URL, or choose another --target",
        )
    hint = "invoke db.up" if address.ours else "start the server where it runs, or correct the target's URL"
    return NoAnswer(f"no PostgreSQL answers at {_place(address)}: {_reason(text)}", hint=hint)


def _of_url(text: str, address: Address) -> AegisError | None:
    """The error for a URL that libpq or a pooler calls wrong; None where it is not the URL."""
    if found := _UNPASSED.search(text):
        return BadInput(
            f"the pooler at {_place(address)} takes no {found[1]} from a database URL",
            hint=f"leave it out (a setting can be the role's own: ALTER ROLE ... SET), or {DIRECT}",
            code="url",
        )
    if found := _BAD_VALUE.search(text):
        return BadInput(
            f"the database URL of {address} cannot be used: {found[0]}",
            hint="correct that parameter; nothing was contacted",
            code="url",
        )
    return None


def _of_tls(text: str, address: Address) -> AegisError | None:
    """What TLS has to do with it: the server's certificate, ours, or that one side wants it and the other has none."""
    reason = _reason(text)
    if _UNTRUSTED.search(text):
        from aegisdb.postgres.certificates import shown_by

        given = dict(address.parameters)
        shown = shown_by(given.get("hostaddr") or address.host, address.port)
        certificate = f"the certificate of the server at {_place(address)}{f' ({shown})' if shown else ''}"
        return CertificateRefused(
            f"{certificate} is not trusted: {reason}",
            hint=f"name the authority that issued it with sslrootcert= (now: {given.get('sslrootcert') or 'none'}),"
            " and the server by a name that the certificate has",
        )
    if _CLIENT_CERTIFICATE.search(text):
        return CertificateRefused(
            f"the server at {_place(address)} asks for another certificate of the client: {reason}",
            hint="name one that it trusts with sslcert= and sslkey= in the URL",
        )
    if _TLS.search(reason):
        return TlsRefused(
            f"the server at {_place(address)} and the URL do not agree about TLS: {reason}",
            hint="see sslmode, sslnegotiation and channel_binding in the URL, and what the server offers",
        )
    return None


def _reason(text: str) -> str:
    """What libpq says after where it tried, without the places; the last place's where it tried several."""
    line = next((one for one in reversed(text.splitlines()) if " failed: " in one), text.partition("\n")[0])
    return line.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().removeprefix("psql: error: ")


def _shared(address: Address) -> AegisError:
    return TRANSACTION.refusal(
        "every command", f"{address} is a pooler that gives away the session after each statement"
    )


def _place(address: Address) -> str:
    return ", ".join(f"{host}:{port}" for host, port in address.places)
