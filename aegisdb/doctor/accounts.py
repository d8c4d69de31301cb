"""Findings about other people on this machine: a server on 127.0.0.1 is open to whoever knows its password."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import NOTICE, Finding
from aegisdb.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient
    from aegisdb.registry.types import Registry

_PEOPLE = range(1000, 60000)  # numbers that a distribution gives to people, not to services
_CLOSED = ("nologin", "false", "sync", "shutdown", "halt")
_NAMED = 5


def public_password(patient: Patient) -> Iterator[Finding]:
    """The password stands in services.yaml, and other people have accounts here."""
    registry = patient.ws.registry
    target = registry.target(patient.ws.target)
    way = target.way_to_own_password(patient.ws.target)
    if not way or target.own_password(registry, patient.ws.target) is not None:
        return
    people = others(registry)
    if not people or not _is_written(registry):
        return
    more = f" and {len(people) - _NAMED} more" if len(people) > _NAMED else ""
    yield Finding(
        check="public_password",
        subject=patient.ws.target,
        what=f"any account on this machine can log in to the server: its password stands in {registry.path.name}",
        evidence=(f"accounts with a shell: {', '.join(people[:_NAMED])}{more}",),
        cause=f"it listens on this machine, and role {registry.file.database.user!r} is a superuser of it",
        command=way,
        exit_code=NOTICE,
    )


def others(registry: Registry) -> tuple[str, ...]:
    """Names of accounts with a shell, but this user's and that of the project's owner.

    Those of a directory service count as far as the system lists them; Windows lists none.
    """
    try:
        import pwd
    except ImportError:
        return ()
    own = {os.geteuid(), registry.root.stat().st_uid}
    found = {
        one.pw_name
        for one in pwd.getpwall()
        if one.pw_uid in _PEOPLE and one.pw_uid not in own and one.pw_shell.rpartition("/")[2] not in _CLOSED
    }
    return tuple(sorted(found))


def _is_written(registry: Registry) -> bool:
    """Whether the password in use is the one that the registry's file shows, as a value or as a default."""
    password = registry.file.database.password
    if not password:
        return False
    text = (read_regular(registry.path) or b"").decode(errors="replace")
    return re.search(rf"\bpassword:[^\n]*{re.escape(password)}", text) is not None
