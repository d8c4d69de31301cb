"""A Unix socket beside the TCP port, for our own sessions: hashing the password is most of what a login costs.

The server lets the one user in who started it, by asking the kernel who it is (`peer`), and as the one role of
services.yaml; that user can read the password and the data anyway. The socket stands in a directory that nobody else
may enter. Where that cannot be had (a long path, a user or a role with an odd name), everybody takes the port.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from aegisdb.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.servers.cluster import Cluster

_MAP = "aegisdb"
_LONGEST = 103  # bytes of a socket's path on the strictest system, its end included
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.-]*")  # no keyword, pattern or list of pg_hba.conf and pg_ident.conf
_PLAIN_PATH = re.compile(r'[^,"\\]*')


def directory(home: Path, port: int) -> Path | None:
    """Where the socket of the server in `home` is or would be; None where its path does not do."""
    found = home / "socket"
    fits = len(os.fsencode(_file(found, port))) <= _LONGEST and _PLAIN_PATH.fullmatch(str(found))
    return found if fits else None


def is_there(directory: Path, port: int) -> bool:
    """Whether the server has made its socket."""
    return _file(directory, port).exists()


def open_for_this_user(cluster: Cluster, directory: Path, role: str) -> bool:
    """Make the directory anew and let this user in as the role; the server must be stopped. False where it cannot be.

    The data directory keeps whatever else its pg_hba.conf and pg_ident.conf say.
    """
    user = _user()
    if not (user and _PLAIN_NAME.fullmatch(user) and _PLAIN_NAME.fullmatch(role)):
        return False
    try:
        shutil.rmtree(directory, ignore_errors=True)
        directory.unlink(missing_ok=True)
        directory.mkdir(mode=0o700)
        cluster.account.own(directory)
    except OSError:  # something of another user's is there
        return False
    rule, entry = f'local all "{role}" peer map={_MAP}', f'{_MAP} "{user}" "{role}"'
    for name, line in (("pg_hba.conf", rule), ("pg_ident.conf", entry)):
        path = cluster.path / name
        before = path.read_text(encoding="utf-8", errors="surrogateescape")
        others = [kept for kept in before.splitlines() if not _is_ours(kept)]
        wanted = "\n".join([line, *others, ""])  # the first one that fits is the one that counts
        if wanted != before:
            # what else a person has written there must outlast a power failure
            content = wanted.encode("utf-8", "surrogateescape")
            replace_file(path, content, durable=True, own=cluster.account.own)
    return True


def _is_ours(line: str) -> bool:
    words = line.split()
    return f"map={_MAP}" in words or words[:1] == [_MAP]


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):  # Windows; a container's number without a name
        return ""


def _file(directory: Path, port: int) -> Path:
    return directory / f".s.PGSQL.{port}"
