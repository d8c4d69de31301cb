"""What pg_dump says about a database: the judge of the fingerprint."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from aegisdb.postgres.address import Address


def dump(address: Address, bindir: Path) -> str:
    """`pg_dump --schema-only` without comment lines, blank lines and its random key."""
    environment = {**os.environ, "PGPASSWORD": address.password.reveal()}
    argv = [str(bindir / "pg_dump"), "--schema-only", "-h", address.host, "-p", str(address.port)]
    done = subprocess.run(
        [*argv, "-U", address.user, "-d", address.database], env=environment, check=True, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unrestrict")))
