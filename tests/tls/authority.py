"""Certificates of the tests' own, made by openssl: an authority, what it signs for a server and for a client."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.postgres_server import NOBODY


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """One that nobody knows but who is given its certificate."""

    def __init__(self, home: Path, name: str) -> None:
        self._home = home
        self._name = name
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed: apt-get install openssl")
        self.certificate = home / f"{name}.crt"
        self._openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/O=aegisdb tests/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )  # fmt: skip

    def sign(self, subject: str, *names: str) -> Pair:
        """A certificate for this subject, which PostgreSQL's programs may read as nobody and as root."""
        made = f"{self._name}-{subject}"
        (self._home / "ext").write_text(f"subjectAltName={','.join(names)}\n" if names else "")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", f"{made}.key",
                      "-out", f"{made}.csr")  # fmt: skip
        self._openssl("x509", "-req", "-in", f"{made}.csr", "-CA", f"{self._name}.crt", "-CAkey", f"{self._name}.key",
                      "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", f"{made}.crt")  # fmt: skip
        return Pair(self._home / f"{made}.crt", self._home / f"{made}.key")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._home, check=True, capture_output=True)


def given_to_server(pair: Pair) -> Pair:
    """The same for the account that the tests' servers run as."""
    if os.geteuid() == 0:
        for path in (pair.certificate, pair.key):
            os.chown(path, NOBODY, NOBODY)
    return pair
