"""A private PostgreSQL for the tests, independent of the engine's own embedded server (which is itself under test)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address, Secret
from aegisdb.servers.account import Account
from aegisdb.servers.binaries import find_binaries
from aegisdb.servers.ext4_spread import spread
from aegisdb.servers.program_copies import passable

NOBODY = 65534


# the tests run from a clone that only root may enter, too
WHEEL = passable(find_binaries(Path(), None, known={}), Account(NOBODY, NOBODY, switch=os.geteuid() == 0))
BIN = WHEEL.directory
PASSWORD = "C4n%a@r/y"
"""Every test runs with a password that breaks naive URLs and that must appear in no output."""

_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses, nor gets until the caller listens there.

    The kernel gives the ports of its own range to others, to clients too; below it each worker of pytest-xdist has its
    own.
    """
    worker = int("".join(filter(str.isdecimal, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0)
    for port in random.sample(range(12000 + worker % 8, 32000, 8), 1000):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("no port is free")


def _unprivileged(argv: list[str]) -> list[str]:
    # PostgreSQL refuses to run as root; the one capability lets it pass directories that only root may enter
    if os.geteuid() != 0:
        return argv
    caps = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps, *argv]


@dataclass(frozen=True)
class TestServer:
    """A running server; `address` names its maintenance database."""

    __test__ = False

    data: Path
    address: Address
    bindir: Path = BIN

    def stop(self) -> None:
        """Stop it and delete its data."""
        self.halt("immediate")
        shutil.rmtree(self.data.parent, ignore_errors=True)

    @contextmanager
    def own_database(self, name: str) -> Iterator[Address]:
        """A new database; it and all others whose names begin so are dropped afterwards, templates too."""
        with psycopg.connect(self.address.url(), autocommit=True) as conn:
            conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            conn.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield self.address.with_database(name)
        finally:
            with psycopg.connect(self.address.url(), autocommit=True) as conn:
                found = conn.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (name,))
                for (made,) in found.fetchall():
                    conn.execute(f'ALTER DATABASE "{made}" WITH IS_TEMPLATE false'.encode())
                    conn.execute(f'DROP DATABASE "{made}" WITH (FORCE)'.encode())

    def halt(self, how: str) -> None:
        """Stop it: "fast" or "immediate" as pg_ctl does, or "kill" as the kernel does when memory runs out."""
        if how == "kill":
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            return
        argv = [str(self.bindir / "pg_ctl"), "-D", str(self.data), "-m", how, "-w", "stop"]
        subprocess.run(_unprivileged(argv), check=False, capture_output=True)

    def resume(self) -> None:
        """Start it again where it was."""
        argv = [str(self.bindir / "pg_ctl"), "-D", str(self.data), "-l", str(self.data.parent / "log"), "-w", "start"]
        for _ in range(100):  # the children of a killed server hold its shared memory for a moment
            if subprocess.run(_unprivileged(argv), check=False, capture_output=True, timeout=60).returncode == 0:
                return
            time.sleep(0.2)
        raise AssertionError((self.data.parent / "log").read_text()[-2000:])


def start_server(*, user: str = "aegis", password: str = PASSWORD, bindir: Path = BIN) -> TestServer:
    """Initialise and start a server with scram on a free port of 127.0.0.1, durability off.

    Programs of another PostgreSQL (`bindir`) come with their own extensions only.
    """
    home = Path(tempfile.mkdtemp(prefix="aegisdb-test-"))
    home.chmod(0o755)
    data, pwfile, port = home / "data", home / "pw", free_port()
    pwfile.write_text(password)
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
        os.chown(pwfile, NOBODY, NOBODY)
    initdb = [str(bindir / "initdb"), "-D", str(data), "-U", user, "--auth=scram-sha-256", f"--pwfile={pwfile}"]
    if bindir == BIN:  # 4096 rounds of hashing are three quarters of a login
        initdb += ["-c", "scram_iterations=1"]
    subprocess.run(
        _unprivileged([*initdb, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]), check=True, capture_output=True
    )
    spread(data / "base")  # hundreds of databases are made and dropped
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": str(port),
        "unix_socket_directories": "''",
        "fsync": "off",
        "max_connections": "200",
    }
    if bindir == BIN:
        settings |= {name: f"'{value}'" for name, value in WHEEL.settings.items()}
    with (data / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{key} = {value}\n" for key, value in settings.items())
    server = TestServer(data, Address("127.0.0.1", port, user, Secret(password), "postgres"), bindir)
    server.resume()
    return server
