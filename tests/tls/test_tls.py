"""TLS from the URL to the last client: each command, each driver, each kind of trust, and never less than was asked."""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import BadInput, Failed
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.client_programs import find_psql
from aegisdb.postgres.driver_urls import driver_environment, driver_url
from aegisdb.servers.wheels import server_directory
from tests.invoke import Ran, invoke
from tests.postgres_server import TestServer
from tests.tls.conftest import DRIVERS, Certificates

EVERY = (
    ("db.up",),
    ("db.status",),
    ("migrate.status",),
    ("migrate.apply",),
    ("migrate.status", "--check"),
    ("deploy.apply",),
    ("deploy.status",),
    ("seed.run",),
    ("migrate.rollback", "--service", "of-asyncpg", "--yes"),
    ("migrate.reapply", "--service", "of-psycopg", "--yes"),
    ("migrate.log",),
)


AT_A_SERVER = pytest.mark.parametrize("secure", ["server"], indirect=True)
"""For what clients here find out before anybody is asked, or decide the same whoever answers."""


def typed(trio: Path, address: Address, query: str, *words: str, **env: str) -> Ran:
    joined = f"{address.url()}{'&' if address.parameters else '?'}{query}" if query else address.url()
    return invoke(*words, cwd=trio, env={"DATABASE_URL": joined, **env})


def code(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.last.partition("[")[2].partition("]")[0]


@pytest.mark.parametrize("query", ["", "sslmode=require"])
def test_every_command_and_driver_works(trio: Path, secure: Address, query: str) -> None:
    for words in EVERY:
        ran = typed(trio, secure, query, *words)
        assert ran.code == 0, (words, ran.err)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_certificate_is_verified_by_every_client(
    trio: Path, secure: Address, certificates: Certificates, mode: str
) -> None:
    trusted = f"sslmode={mode}&sslrootcert={certificates.authority}"
    words: tuple[str, ...]
    for words in (("migrate.apply",), ("deploy.apply",), ("seed.run",)):
        ran = typed(trio, secure, trusted, *words)
        assert ran.code == 0, (words, ran.err)
    for words in (("migrate.status",), ("deploy.apply", "--again"), ("seed.run",), ("db.status",)):
        ran = typed(trio, secure, f"sslmode={mode}&sslrootcert={certificates.stranger}", *words)
        assert code(ran) == (7, "certificate"), (words, ran.err)
        assert "subject CN=db.example, issuer O=aegisdb tests, CN=harbour" in ran.last
        assert str(certificates.stranger) in ran.last


def test_a_name_that_the_certificate_has_not_is_no_trust(
    trio: Path, secure: Address, certificates: Certificates
) -> None:
    elsewhere = replace(secure, host="localhost")
    query = f"sslrootcert={certificates.authority}&sslmode="
    assert code(typed(trio, elsewhere, query + "verify-full", "migrate.status")) == (7, "certificate")
    assert typed(trio, elsewhere, query + "verify-ca", "migrate.status").code == 0


@AT_A_SERVER
def test_the_systems_certificates(trio: Path, secure: Address, certificates: Certificates) -> None:
    known = {"SSL_CERT_FILE": str(certificates.authority)}
    for words in (("migrate.apply",), ("deploy.apply",), ("seed.run",)):
        ran = typed(trio, secure, "sslrootcert=system", *words, **known)
        assert ran.code == 0, (words, ran.err)
    assert code(typed(trio, secure, "sslrootcert=system&sslmode=require", "migrate.status", **known)) == (2, "url")
    if ssl.get_default_verify_paths().cafile:
        assert code(typed(trio, secure, "sslrootcert=system", "migrate.status")) == (7, "certificate")


def test_a_client_certificate(trio: Path, secure_server: TestServer, certificates: Certificates) -> None:
    maintenance = replace(secure_server.address, parameters=(("sslmode", "require"),))
    strict = secure_server.address.with_database("strict")
    shown = f"sslmode=require&sslcert={certificates.client.certificate}&sslkey={certificates.client.key}"
    with psycopg.connect(maintenance.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE strict")
        try:
            assert code(typed(trio, strict, "sslmode=require", "migrate.status")) == (7, "certificate")
            for words in (("migrate.apply",), ("deploy.apply",), ("seed.run",)):
                ran = typed(trio, strict, shown, *words)
                assert ran.code == 0, (words, ran.err)
        finally:
            conn.execute("DROP DATABASE strict WITH (FORCE)")


def test_channel_binding_is_kept_or_a_certificate_is_verified_instead(
    trio: Path, secure_server: TestServer, certificates: Certificates
) -> None:
    maintenance = replace(secure_server.address, parameters=(("sslmode", "require"),))
    bound = secure_server.address.with_database("bound")
    neon = "sslmode=require&channel_binding=require"  # what the vendor's console shows
    with psycopg.connect(maintenance.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE bound")
        try:
            for words in (("migrate.status",), ("deploy.apply",), ("migrate.apply", "--service", "of-psycopg2")):
                ran = typed(trio, bound, neon, *words)
                assert ran.code == 0, (words, ran.err)
            refused = typed(trio, bound, neon, "migrate.apply")
            assert code(refused) == (2, "url"), refused.err
            assert "sslrootcert" in refused.last
            for words in (("migrate.apply",), ("seed.run",)):
                ran = typed(trio, bound, f"{neon}&sslrootcert={certificates.authority}", *words)
                assert ran.code == 0, (words, ran.err)
        finally:
            conn.execute("DROP DATABASE bound WITH (FORCE)")


def test_nothing_is_weakened_where_a_server_has_no_tls(trio: Path, database: Address) -> None:
    for words in (("db.status",), ("migrate.status",), ("migrate.apply",), ("deploy.apply",), ("seed.run",)):
        ran = typed(trio, database, "sslmode=require", *words)
        assert code(ran) == (7, "tls"), (words, ran.err)
        assert "db.up" not in ran.last
    with psycopg.connect(database.url()) as conn:
        assert conn.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone() == (
            0,
        )


def test_a_url_without_tls_says_what_the_server_wants(trio: Path, secure: Address) -> None:
    ran = typed(trio, secure, "sslmode=disable", "migrate.status")
    assert ran.code == 7
    assert code(ran)[1] in {"tls", "login"}
    assert "sslmode" in ran.last


@AT_A_SERVER
@pytest.mark.skipif(sys.platform != "linux", reason="a library takes another's place on Linux only")
def test_the_wheels_psql_borrows_tls_where_there_is_no_other(
    trio: Path, secure: Address, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    query = f"sslmode=verify-full&sslrootcert={certificates.authority}"
    for words in (("migrate.apply",), ("deploy.apply",), ("seed.run",)):
        ran = typed(trio, secure, query, *words, PATH=str(tmp_path / "bin"))
        assert ran.code == 0, (words, ran.err)


def test_references_are_built_with_the_psql_of_their_target(trio: Path, database: Address, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for words in (("migrate.apply",), ("service.owners",)):
        ran = typed(trio, database, "", *words, PATH=str(tmp_path / "bin"))
        assert ran.code == 0, (words, ran.err)


def test_db_shell_is_a_psql_that_speaks_tls(trio: Path, secure: Address, certificates: Certificates) -> None:
    query = f"sslmode=verify-full&sslrootcert={certificates.authority}"
    ran = typed(trio, secure, query, "db.shell")  # its input ends at once
    assert ran.code == 0, ran.err
    ran = typed(trio, secure, f"sslmode=verify-full&sslrootcert={certificates.stranger}", "db.shell")
    assert ran.code != 0
    assert "certificate verify failed" in ran.err


@AT_A_SERVER
@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_is_not_there_is_bad_input(trio: Path, secure: Address, name: str) -> None:
    ran = typed(trio, secure, f"sslmode=require&{name}=nowhere.pem", "migrate.status")
    assert code(ran) == (2, "url"), ran.err
    assert str(trio / "nowhere.pem") in ran.last


@AT_A_SERVER
def test_a_relative_path_begins_at_the_registry(trio: Path, secure: Address, certificates: Certificates) -> None:
    (trio / "ca.pem").write_bytes(certificates.authority.read_bytes())
    for words in (("migrate.apply",), ("deploy.apply",)):
        ran = typed(trio, secure, "sslmode=verify-full&sslrootcert=ca.pem", *words)
        assert ran.code == 0, (words, ran.err)


def address(**parameters: str) -> Address:
    return Address("db.example", 5432, "u", Secret("p"), "d", tuple(parameters.items()))


@pytest.mark.parametrize("driver", [*DRIVERS, ""])
def test_each_driver_is_told_in_its_own_words(driver: str) -> None:
    asked = address(sslmode="verify-full", sslrootcert="/ca", sslcert="/c", sslkey="/k", sslnegotiation="direct")
    url, variables = driver_url(asked, driver), driver_environment(asked, driver)
    if driver == "asyncpg":
        assert url.endswith("/d?ssl=verify-full")
        assert variables == {
            "PGSSLROOTCERT": "/ca",
            "PGSSLCERT": "/c",
            "PGSSLKEY": "/k",
            "PGSSLNEGOTIATION": "direct",
        }
    else:
        assert "sslmode=verify-full&sslrootcert=%2Fca" in url
        assert variables == {}


@pytest.mark.parametrize("name", ["options", "hostaddr", "require_auth"])
def test_what_asyncpg_cannot_say_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        driver_url(address(**{name: "x"}), "asyncpg")


@pytest.mark.child
def test_psql_is_one_that_does_what_the_url_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = server_directory()
    assert wheel is not None
    assert find_psql(address(sslmode="disable"), wheel).path.parent == wheel
    assert find_psql(replace(address(), ours=True), wheel).path.parent == wheel
    asked = find_psql(address(sslmode="require"), wheel)
    assert asked.path.parent != wheel or asked.preload
    with pytest.raises(Failed) as refused:
        find_psql(address(sslmode="require", no_such_word="1"), wheel)
    assert refused.value.code == "program"
    assert "no_such_word" in refused.value.message
    monkeypatch.setenv("PATH", os.devnull)
    if sys.platform == "linux":
        assert find_psql(address(sslmode="verify-full", sslnegotiation="direct"), wheel).preload
    with pytest.raises(Failed, match="not installed"):
        find_psql(address(), None)


@pytest.mark.child
def test_a_psql_without_tls_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    psql = tmp_path / "psql"
    psql.write_text('#!/bin/sh\necho "sslmode value invalid when SSL support is not compiled in" >&2\nexit 2\n')
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", os.devnull)
    assert find_psql(replace(address(), host="localhost"), tmp_path).path == psql
    for elsewhere in ("localhost.example", "127.0.0.1.example", "db.example"):
        with pytest.raises(Failed, match="no psql here"):
            find_psql(replace(address(), host=elsewhere), tmp_path)
