"""What a worker of an engine compares with the process that ordered its work."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import aegisdb
from aegisdb.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER_CODE = ("another aegisdb", "install the same version for this run and for its workers, and start these again")
"""What `require_same` says where `code_of_aegisdb` differs."""


@cache
def code_of_aegisdb() -> str:
    """Hash the files of this package, modules and SQL, as this process found them when it first looked."""
    home = Path(aegisdb.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(one for one in home.rglob("*") if one.is_file() and one.parent.name != "__pycache__"):
        digest.update(f"{path.relative_to(home)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def this_worker() -> str:
    """The words for this process in an error that is read elsewhere."""
    return f"a worker on {socket.gethostname()} (process {os.getpid()})"


def require_same(
    seen: Mapping[str, object], ordered: Mapping[str, object], otherwise: Mapping[str, tuple[str, str]]
) -> None:
    """Compare what this worker sees with what the process that ordered its work saw.

    `otherwise` says of each thing, in words, what another one is and what to do about it.

    Raises:
        Refused: something is not the same.
    """
    for what, (other, hint) in otherwise.items():
        if seen[what] != ordered[what]:
            raise Refused(f"{this_worker()} sees {other} than this run", hint=hint, code="engine_differs")
