"""What may stand in the query of a database URL: libpq's words. Those of other clients are refused by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_KNOWN = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "options",
        "passfile",
        "password",
        "port",
        "require_auth",
        "requirepeer",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)
_LEFT_OUT = "leave it out of the URL that this reads"
_POOL = f"it sizes another client's pool: {_LEFT_OUT}"
_FOREIGN = {
    "pgbouncer": f"a pooler is found without it: {_LEFT_OUT}, and give the direct address as DATABASE_URL_DIRECT",
    "schema": "write options=-csearch_path%3DNAME, or `schema:` of the service in services.yaml",
    "currentSchema": "write options=-csearch_path%3DNAME, or `schema:` of the service in services.yaml",
    "ssl": "write sslmode=require (or verify-full, with sslrootcert=), sslmode=disable for none",
    "sslaccept": "write sslmode=verify-full for `strict`, sslmode=require for `accept_invalid_certs`",
    "sslidentity": "write sslcert= and sslkey= for the file of both",
    "connection_limit": _POOL,
    "pool_timeout": _POOL,
    "pool_size": _POOL,
    "max_overflow": _POOL,
    "statement_cache_size": _POOL,
    "prepared_statement_cache_size": _POOL,
    "async_fallback": f"it is SQLAlchemy's: {_LEFT_OUT}",
    "socket_timeout": "write tcp_user_timeout= in milliseconds",
    "timeout": "write connect_timeout= in seconds",
    "database": "write the database's name behind the host: /NAME",
}


def require_known(names: Iterable[str]) -> None:
    """Refuse the first word that libpq does not know; nothing of its value is shown.

    Raises:
        BadInput: it is another client's, or nobody's.
    """
    for name in names:
        if name in _KNOWN:
            continue
        near = get_close_matches(name, _KNOWN, 1)
        hint = _FOREIGN.get(name) or (f"did you mean {near[0]}?" if near else "see libpq's parameter key words")
        raise BadInput(f"the database URL has ?{name}=, which is not a parameter of libpq", hint=hint, code="url")
