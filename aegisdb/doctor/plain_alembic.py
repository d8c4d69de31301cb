"""What plain `alembic` would reach in a service's folder: its alembic.ini may name the port of another checkout."""

from __future__ import annotations

import os
import socket
from configparser import ConfigParser, Error
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aegisdb.doctor.finding import NOTICE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.doctor.patient import Patient

_HERE = {"localhost", "127.0.0.1", "::1"}
_PATIENCE = 0.3  # seconds; it is on this machine


def reaches_another(patient: Patient) -> Iterator[Finding]:
    """Services whose alembic.ini leads to a server of this machine that is not the target's own."""
    if not patient.ws.server.managed or patient.database is None:
        return
    own = patient.ws.address().port
    for name, history in patient.good.items():
        settings = patient.ws.registry.services[name].alembic
        variable = (settings.url_env if settings else None) or "DATABASE_URL"
        place = _place(os.environ.get(variable, "")) or _place(_url(history.locations.ini))
        if place is None or place[0] not in _HERE or place[1] == own or not _answers(*place):
            continue
        yield Finding(
            check="plain_alembic",
            subject=name,
            what=f"plain alembic in {history.locations.home.name} reaches {place[0]}:{place[1]}, and target"
            f" {patient.ws.target} is on port {own}",
            evidence=(f"{history.locations.ini}: sqlalchemy.url",),
            cause="that port is another checkout's or another server's; tasks find the right one by themselves",
            command='eval "$(invoke db.env)"',
            exit_code=NOTICE,
        )


def _url(ini: Path | None) -> str:
    if ini is None:
        return ""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(ini, encoding="utf-8")
    except (Error, UnicodeDecodeError):
        return ""  # Alembic tells it better
    return parser.get("alembic", "sqlalchemy.url", fallback="")


def _place(url: str) -> tuple[str, int] | None:
    if not url.startswith("postgres"):
        return None  # `driver://`, as `alembic init` writes it
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        return None
    return (host, port) if host else None


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True
