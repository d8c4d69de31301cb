"""Errors of connecting: no server, no login, no such database."""

from __future__ import annotations

from aegisdb.errors.base import AegisError


class Unreachable(AegisError):
    """The server does not answer; nothing changed."""

    exit_code = 7
    default_code = "unreachable"


class NotRunning(Unreachable):
    """The target's server is not started."""

    default_code = "not_running"


class NoAnswer(Unreachable):
    """No answer at that host and port."""


class LoginRefused(Unreachable):
    """The server answers, and refuses the role, its password or the place that it comes from."""

    default_code = "login"


class TlsRefused(Unreachable):
    """The server answers, and one side wants TLS as the other has it not."""

    default_code = "tls"


class CertificateRefused(Unreachable):
    """The server answers, and one side does not trust the other's certificate."""

    default_code = "certificate"


class NoDatabase(Unreachable):
    """The server answers, and has no database of that name."""

    default_code = "no_database"


class DatabaseRenamed(NoDatabase):
    """The database of that name was renamed or dropped while this waited to be let in; there may be another by now."""


class DatabaseClosed(Unreachable):
    """The server answers, and the database accepts no connections."""

    default_code = "closed"
