"""What plain `alembic` would reach in a service's folder: its alembic.ini may name another checkout's database."""

from __future__ import annotations

import os
import socket
from configparser import ConfigParser, Error
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from aegisdb.doctor.finding import NOTICE, Finding
from aegisdb.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.doctor.patient import Patient

_HERE = {"localhost", "127.0.0.1", "::1"}
_SET = 'eval "$(invoke db.env)"'
_READ = f"let {{env_py}} take its URL from the environment variable {{variable}} where it is set, then {_SET}"
_OTHER_URLS = ("environ", "getenv", "set_main_option", "set_section_option", '["sqlalchemy.url"]', "['sqlalchemy.url']")
_PATIENCE = 0.3  # seconds; it is on this machine


class _Place(NamedTuple):
    host: str
    port: int
    database: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + (f"/{self.database}" if self.database else "")

    def is_at(self, host: str, port: int) -> bool:
        """Whether it is that server, as far as the text tells."""
        return self.port == port and (self.host == host or {self.host, host} <= _HERE)


def reaches_another(patient: Patient) -> Iterator[Finding]:
    """Services whose alembic.ini leads to another server of this machine, another database, or another target's."""
    if patient.database is None:
        return
    for name, history in patient.good.items():
        settings = patient.ws.registry.services[name].alembic
        variable = (settings.url_env if settings else None) or "DATABASE_URL"
        only_ini = _takes_alembic_ini(history.locations.env_py, variable)
        place = None if only_ini else _place(os.environ.get(variable, ""))
        place = place or _place(_url(history.locations.ini))
        cause = _why_wrong(patient, place) if place else ""
        if not cause:
            continue
        yield Finding(
            check="plain_alembic",
            subject=name,
            what=f"plain alembic in {history.locations.home.name} reaches {place}, and target {patient.ws.target} is"
            f" {patient.ws.address().host}:{patient.ws.address().port}/{patient.ws.address().database}",
            evidence=(f"{history.locations.ini}: sqlalchemy.url",),
            cause=cause,
            command=_READ.format(variable=variable, env_py=history.locations.env_py) if only_ini else _SET,
            exit_code=NOTICE,
        )


def _why_wrong(patient: Patient, place: _Place) -> str:
    """The reason why this is not the target's database; empty where it is, or leads nowhere that is known."""
    own = patient.ws.address()
    if place.is_at(own.host, own.port):
        if place.database in {"", own.database} or not _exists(patient, place.database):
            return ""
        return "that database is another worktree's or another project's; tasks find the right one by themselves"
    for name, spec in patient.ws.registry.file.targets.items():
        others = [_place(url) for url in spec.urls()] if name != patient.ws.target else []
        if any(other and place.is_at(other.host, other.port) and place.database == other.database for other in others):
            return f"that is the database of target {name}, which `--target {name}` is for"
    if patient.ws.server.managed and place.host in _HERE and place.port != own.port and _answers(place):
        return "that port is another checkout's or another server's; tasks find the right one by themselves"
    return ""


def _exists(patient: Patient, database: str) -> bool:
    return bool(patient.maintenance.value("SELECT 1 FROM pg_database WHERE datname = %s", (database,)))


def _takes_alembic_ini(env_py: Path, variable: str) -> bool:
    """Whether env.py connects to what alembic.ini says, whatever is in the environment, as `alembic init` writes it."""
    text = (read_regular(env_py) or b"").decode(errors="replace")
    return "engine_from_config" in text and not any(word in text for word in (variable, *_OTHER_URLS))


def _url(ini: Path | None) -> str:
    if ini is None:
        return ""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(ini, encoding="utf-8")
    except (Error, UnicodeDecodeError):
        return ""  # Alembic tells it better
    return parser.get("alembic", "sqlalchemy.url", fallback="")


def _place(url: str) -> _Place | None:
    if not url.startswith("postgres"):
        return None  # `driver://`, as `alembic init` writes it
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        return None
    return _Place(host, port, unquote(parts.path.lstrip("/"))) if host else None


def _answers(place: _Place) -> bool:
    try:
        socket.create_connection((place.host, place.port), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True
