"""The password of an embedded server that has one of its own: drawn once, in a file that its owner alone reads.

The one of services.yaml is in git, so whoever has an account on the machine knows it. With this one in the server that
one is refused.
"""

from __future__ import annotations

import re
import shutil
import stat
from typing import TYPE_CHECKING

from aegisdb.errors import LoginRefused
from aegisdb.files import read_regular, replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.servers.account import Account

_FILE = "password"
_BYTES = 32
_WHOLE = re.compile(rb"([A-Za-z0-9_-]{43})\n")  # a file that was cut is no password, and an empty one would let all in


def read_password(home: Path) -> str:
    """Return the password of the server in `home`; empty where there is none that is whole.

    Raises:
        PermissionError: it is another user's.
    """
    try:
        found = _WHOLE.fullmatch(read_regular(home / _FILE) or b"")
    except (IsADirectoryError, NotADirectoryError):
        return ""
    return found[1].decode() if found else ""


def require_password(home: Path, target: str) -> str:
    """Return the password of the server in `home`.

    Raises:
        LoginRefused: there is none; PermissionError: it is another user's.
    """
    password = read_password(home)
    if not password:
        raise LoginRefused(
            f"the password that was drawn for target {target!r} is gone",
            hint=f"invoke db.up --target {target}: it draws another one and restarts the server",
            where=str(home / _FILE),
            code="login",
        )
    return password


def draw(home: Path, owner: Account) -> None:
    """Draw a password where there is none, or where others might have read it; the caller holds the lock."""
    file = home / _FILE
    if read_password(home) and not stat.S_IMODE(file.stat().st_mode) & 0o077:
        return
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    import secrets  # what most commands do not need

    content = secrets.token_urlsafe(_BYTES) + "\n"
    replace_file(file, content, mode=0o600, durable=True, through_link=False, own=owner.own)
