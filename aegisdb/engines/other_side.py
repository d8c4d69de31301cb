"""What a worker of an engine compares with the process that ordered its work."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

import aegisdb


@cache
def code_of_aegisdb() -> str:
    """Hash the text of this package as this process found it when it first looked."""
    home = Path(aegisdb.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        digest.update(f"{path.relative_to(home)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def this_worker() -> str:
    """The words for this process in an error that is read elsewhere."""
    return f"a worker on {socket.gethostname()} (process {os.getpid()})"
