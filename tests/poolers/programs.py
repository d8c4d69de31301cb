"""PgBouncer, pgpool-II, PGlite and a hot standby of the tests' own; skipped where Debian's packages or npm are not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address, Secret
from tests.environments import node_program
from tests.postgres_server import NOBODY, PASSWORD, TestServer, free_port
from tests.running import eventually

_PGLITE = ("@electric-sql/pglite@0.5.14", "@electric-sql/pglite-socket@0.2.17")


@contextmanager
def pgbouncer(
    server: TestServer, mode: str, *, alias: dict[str, str] | None = None, **settings: object
) -> Iterator[Address]:
    """A PgBouncer before the server; the address names no database of interest.

    `alias` lists the only databases that it knows, by the name that clients use; without it, it passes every name on.
    """
    program = _installed("pgbouncer")
    to = f"host=127.0.0.1 port={server.address.port}"
    listed = {name: f"{to} dbname={real}" for name, real in alias.items()} if alias else {"*": to}
    with _home() as home:
        port = free_port()
        (home / "users").write_text(f'"aegis" "{PASSWORD}"\n')
        options = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": home / "users",
            "pool_mode": mode,
            "logfile": home / "log",
            "server_lifetime": 3600,
            **settings,
        }
        lines = ["[databases]", *(f"{name} = {value}" for name, value in listed.items())]
        lines += ["[pgbouncer]", *(f"{name} = {value}" for name, value in options.items())]
        (home / "ini").write_text("\n".join(lines))
        with _running([program, "-q", str(home / "ini")], port):
            yield replace(server.address, port=port)


@contextmanager
def pgpool(primary: TestServer, standby: TestServer) -> Iterator[Address]:
    """A pgpool-II that sends what it takes for reads to the standby."""
    program = _installed("pgpool")
    with _home() as home:
        port = free_port()
        options: dict[str, object] = {
            "backend_clustering_mode": "'streaming_replication'",
            "listen_addresses": "'127.0.0.1'",
            "port": port,
            "pcp_port": free_port(),
            "unix_socket_directories": f"'{home}'",
            "pcp_socket_dir": f"'{home}'",
            "pid_file_name": f"'{home}/pid'",
            "logdir": f"'{home}'",
            "work_dir": f"'{home}'",
            "num_init_children": 8,
            "enable_pool_hba": "on",
            "pool_passwd": "'pool_passwd'",
            "load_balance_mode": "on",
            "sr_check_period": 1,
            "sr_check_user": "'aegis'",
            "sr_check_password": f"'{PASSWORD}'",
            "sr_check_database": "'postgres'",
            "health_check_period": 0,
        }
        for number, (server, weight) in enumerate([(primary, 0), (standby, 1)]):
            options |= {
                f"backend_hostname{number}": "'127.0.0.1'",
                f"backend_port{number}": server.address.port,
                f"backend_weight{number}": weight,
                f"backend_data_directory{number}": f"'{server.data}'",
            }
        (home / "pgpool.conf").write_text("\n".join(f"{name} = {value}" for name, value in options.items()))
        (home / "pool_hba.conf").write_text("host all all 127.0.0.1/32 password\n")
        (home / "pool_passwd").write_text(f"aegis:TEXT{PASSWORD}\n")
        argv = [
            program,
            "-n",
            "-f",
            str(home / "pgpool.conf"),
            "-a",
            str(home / "pool_hba.conf"),
            "-F",
            str(home / "pcp"),
        ]
        (home / "pcp").touch()
        with _running(argv, port):
            yield replace(primary.address, port=port)


@contextmanager
def pglite(config: pytest.Config, sessions: int) -> Iterator[Address]:
    """PostgreSQL in WebAssembly, which has one session; of so many clients at once each is given that one."""
    server = node_program(config, "pglite-server", *_PGLITE)
    port = free_port()
    with _running([_installed("node"), str(server), "-p", str(port), "-m", str(sessions)], port, own=True):
        yield Address("127.0.0.1", port, "postgres", Secret(""), "postgres")


@contextmanager
def hot_standby(primary: TestServer, *, delay: int = 0) -> Iterator[TestServer]:
    """A standby that follows the primary, `delay` seconds behind."""
    home = Path(tempfile.mkdtemp(prefix="aegisdb-test-"))
    home.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    with (primary.data / "pg_hba.conf").open("a") as hba:
        hba.write("host replication all 127.0.0.1/32 scram-sha-256\n")
    with psycopg.connect(primary.address.url(), autocommit=True) as conn:
        conn.execute("SELECT pg_reload_conf()")
    data, port = home / "data", free_port()
    backup = [
        str(primary.bindir / "pg_basebackup"),
        "-R",
        "-D",
        str(data),
        "-h",
        "127.0.0.1",
        "-c",
        "fast",
        "-U",
        "aegis",
    ]
    env = {**os.environ, "PGPASSWORD": PASSWORD}
    subprocess.run(
        [*_unprivileged(), *backup, "-p", str(primary.address.port)], env=env, check=True, capture_output=True
    )
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(f"port = {port}\nrecovery_min_apply_delay = '{delay}s'\n")
    made = TestServer(data, replace(primary.address, port=port), primary.bindir)
    made.resume()
    try:
        yield made
    finally:
        made.stop()


def _installed(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        package = {"pgpool": "pgpool2", "node": "nodejs"}.get(name, name)
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def _unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    caps = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps]


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="aegisdb-test-"))
    home.chmod(0o777)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(argv: list[str], port: int, *, own: bool = False) -> Iterator[None]:
    """Run it until the end of the block, `own` as the account of the tests."""
    log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the program runs
    unprivileged = [] if own else _unprivileged()
    process = subprocess.Popen([*unprivileged, *argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        if not eventually(lambda: process.poll() is not None or _listens(port), 30) or process.poll() is not None:
            log.seek(0)
            raise AssertionError(log.read().decode()[-2000:])
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        log.close()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        time.sleep(0.05)
        return sock.connect_ex(("127.0.0.1", port)) == 0
