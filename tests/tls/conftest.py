"""Servers that speak TLS: Debian's PostgreSQL itself, and PgBouncer as a front of one that does not."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.poolers.programs import pgbouncer
from tests.postgres_server import TestServer, start_server
from tests.tls.authority import Authority, Pair, given_to_server

DRIVERS = {"psycopg": "sync", "psycopg2": "sync", "asyncpg": "async"}


@dataclass(frozen=True)
class Certificates:
    """What the servers show, what signs it, what a client may show, and an authority that signed nothing."""

    authority: Path
    server: Pair
    client: Pair
    stranger: Path


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    """For 127.0.0.1, not for localhost."""
    with tempfile.TemporaryDirectory(prefix="aegisdb-tls-") as made:
        home = Path(made)
        home.chmod(0o755)
        authority, stranger = Authority(home, "harbour"), Authority(home, "stranger")
        server = given_to_server(authority.sign("db.example", "IP:127.0.0.1", "DNS:db.example"))
        yield Certificates(authority.certificate, server, authority.sign("aegis"), stranger.certificate)


@pytest.fixture(scope="session")
def secure_server(certificates: Certificates) -> Iterator[TestServer]:
    """Debian's PostgreSQL with `ssl = on`, which lets nobody in without TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    running = start_server(bindir=found[-1].parent)
    _secure(running, certificates)
    yield running
    running.stop()


def _secure(server: TestServer, certificates: Certificates) -> None:
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write(f"ssl = on\nssl_ca_file = '{certificates.authority}'\n")
        conf.write(f"ssl_cert_file = '{certificates.server.certificate}'\nssl_key_file = '{certificates.server.key}'\n")
    rules = ["hostssl strict all 127.0.0.1/32 scram-sha-256 clientcert=verify-full"]
    rules += ["hostssl all all 127.0.0.1/32 scram-sha-256"]
    (server.data / "pg_hba.conf").write_text("\n".join(rules) + "\n")
    server.halt("fast")
    server.resume()


@pytest.fixture(scope="session")
def front(server: TestServer, certificates: Certificates) -> Iterator[Address]:
    """PgBouncer in session mode that insists on TLS; the server behind it has none."""
    settings: dict[str, Any] = {
        "client_tls_sslmode": "require",
        "client_tls_key_file": certificates.server.key,
        "client_tls_cert_file": certificates.server.certificate,
    }
    with pgbouncer(server, "session", **settings) as address:
        yield address


@pytest.fixture(params=["server", "front"])
def secure(request: pytest.FixtureRequest) -> Iterator[Address]:
    """An empty database of the test's own behind TLS, without a word of it in the URL."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    if request.param == "server":
        reached = request.getfixturevalue("secure_server").address
        behind = replace(reached, parameters=(("sslmode", "require"),))
    else:
        reached, behind = request.getfixturevalue("front"), request.getfixturevalue("server").address
    with psycopg.connect(behind.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
        yield reached.with_database(name)
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def trio(tmp_path: Path) -> Path:
    """A service for each driver, each with a seed of its driver, one with SQL as its base, and a deploy file."""
    services = {
        f"of-{driver}": Svc(
            env=env,
            owns=(f"{driver}_*",),
            alembic={"driver": driver},
            revisions=(Rev(id=f"{driver}1", up=table(f"{driver}_t"), down=f'op.execute("DROP TABLE {driver}_t")'),),
            more={
                "seeds": [
                    {"module": "fill", "driver": driver, "fills": [f"{driver}_t"]},
                    {"sql": "seed.sql", "fills": [f"{driver}_base"]},
                ],
                "base": [f"services/of-{driver}/base.sql"],
            },
        )
        for driver, env in DRIVERS.items()
    }
    build_monorepo(tmp_path, services, url="postgresql://nobody@127.0.0.1:1/nothing", database={"deploy": "deploy"})
    for driver, env in DRIVERS.items():
        home = tmp_path / "services" / f"of-{driver}"
        (home / "base.sql").write_text(f"CREATE TABLE {driver}_base (id int);\n")
        (home / "seed.sql").write_text(f"INSERT INTO {driver}_base VALUES (1);\n")  # noqa: S608  a name of ours
        (home / "fill.py").write_text(_FILL[env].format(table=f"{driver}_t"))
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a.sql").write_text("CREATE TABLE IF NOT EXISTS deployed (n int);\n")
    return tmp_path


_FILL = {
    "sync": """
import os
import sqlalchemy as sa
with sa.create_engine(os.environ["DATABASE_URL"]).begin() as conn:
    conn.execute(sa.text("INSERT INTO {table} (id) VALUES (1)"))
""",
    "async": """
import asyncio, os
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
async def main():
    engine = create_async_engine(os.environ["DATABASE_URL"])
    async with engine.begin() as conn:
        await conn.execute(sa.text("INSERT INTO {table} (id) VALUES (1)"))
    await engine.dispose()
asyncio.run(main())
""",
}
