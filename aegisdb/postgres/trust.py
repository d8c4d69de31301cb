"""Files that a URL names for TLS: found before a server is contacted, so that a missing one is never a weaker check."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SYSTEM = "system"
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def with_files(address: Address, root: Path, where: str) -> Address:
    """The address with whole paths instead of those relative to `root`, and a file for `sslrootcert=system`.

    psycopg's own OpenSSL looks for the system's certificates in a directory that no system has, and libpq knows the
    word from version 16 on.

    Raises:
        BadInput: a file is not there, or the system's certificates are asked for and need not be right.
    """
    given = dict(address.parameters)
    if given.get("sslrootcert") == _SYSTEM:
        if given.setdefault("sslmode", "verify-full") != "verify-full":
            raise BadInput(
                f"sslrootcert=system in the database URL goes with sslmode=verify-full only, not {given['sslmode']}",
                hint="write sslmode=verify-full, or name a file of certificates",
                where=where,
                code="url",
            )
        given["sslrootcert"] = str(_system_certificates(where))
    for name in _FILES:
        if path := given.get(name):
            given[name] = str(root / path)
            if not os.access(given[name], os.R_OK):
                raise BadInput(
                    f"the database URL's {name} is {given[name]}, which cannot be read",
                    hint="correct the path; a relative one begins where services.yaml is",
                    where=where,
                    code="url",
                )
    return replace(address, parameters=tuple(given.items()))


def _system_certificates(where: str) -> Path:
    """The file of all certificates that this system trusts; SSL_CERT_FILE wins."""
    from ssl import get_default_verify_paths  # loads OpenSSL: late

    for path in (get_default_verify_paths().cafile, *_BUNDLES):
        if path and Path(path).is_file():
            return Path(path)
    raise BadInput(
        "sslrootcert=system in the database URL, and this system has no file of trusted certificates",
        hint="install ca-certificates, set SSL_CERT_FILE, or name a file with sslrootcert=",
        where=where,
        code="url",
    )
