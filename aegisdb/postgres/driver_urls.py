"""One address in the words of each driver: libpq's for psycopg and psycopg2, its own for asyncpg.

asyncpg takes `ssl` for `sslmode` from SQLAlchemy's URL and nothing else about TLS; certificates it takes from the
variables that libpq reads as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.postgres.address import Address

_VARIABLES = {
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "sslpassword": "PGSSLPASSWORD",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
}
_UNSAID = ("options", "hostaddr", "require_auth", "requirepeer", "passfile", "replication")
"""What would be another connection without it, and has no word of asyncpg's."""
_VERIFYING = ("verify-ca", "verify-full")


def driver_url(address: Address, driver: str) -> str:
    """The URL with its password for a SQLAlchemy driver, "" for plain postgresql://.

    Raises:
        BadInput: asyncpg has no word for what the URL asks.
    """
    if driver != "asyncpg" or not address.parameters:
        return address.url(driver=driver)
    mode = _mode(dict(address.parameters))
    return replace(address, parameters=(("ssl", mode),) if mode else ()).url(driver=driver)


def require_sayable(address: Address, drivers: Iterable[str]) -> None:
    """Refuse, before anything is begun, what one of these drivers cannot be told.

    Raises:
        BadInput: as `driver_url`.
    """
    for driver in set(drivers):
        driver_url(address, driver)


def driver_environment(address: Address, driver: str) -> dict[str, str]:
    """Variables that the driver reads beside `driver_url`."""
    if driver != "asyncpg":
        return {}
    given = dict(address.parameters)
    return {_VARIABLES[name]: value for name, value in given.items() if name in _VARIABLES and value}


def _mode(given: dict[str, str]) -> str:
    for name in _UNSAID:
        if given.get(name):
            raise BadInput(
                f"asyncpg does not know ?{name}= of the database URL",
                hint=f"leave {name} out of the URL (a setting can be the role's own: ALTER ROLE ... SET),"
                " or give the service `driver: psycopg`",
                code="url",
            )
    mode = given.get("sslmode", "")
    if given.get("channel_binding") == "require" and mode not in _VERIFYING:
        # it proves that nobody stands between; a certificate that is verified is asyncpg's only proof of that
        if not given.get("sslrootcert"):
            raise BadInput(
                "asyncpg cannot do channel_binding=require of the database URL",
                hint="let it verify the server's certificate instead: add sslrootcert=system (or a file) and"
                " sslmode=verify-full",
                code="url",
            )
        return "verify-full"
    return mode
