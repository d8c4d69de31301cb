"""The url target: used, never started, stopped or destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import BadInput, Refused, Unreachable
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.progress import silent
from aegisdb.servers import server_for
from aegisdb.servers.url import UrlServer
from aegisdb.target_kinds.url import UrlTarget
from tests.invoke import invoke
from tests.postgres_server import PASSWORD, TestServer, free_port
from tests.servers.projects import registry


def server_of(root: Path, url: str) -> UrlServer:
    made = server_for(registry(root, UrlTarget(url=url)), "t")
    assert isinstance(made, UrlServer)
    return made


def test_start_only_checks_that_it_answers(tmp_path: Path, database: Address) -> None:
    server = server_of(tmp_path, database.url(driver="asyncpg"))
    assert server.start(silent) == server.address() == database
    assert server.label() == str(database)
    assert PASSWORD not in server.label()


def test_the_urls_parameters_reach_libpq(tmp_path: Path, database: Address) -> None:
    # the tests' server speaks no TLS: whoever asks for TLS must not get a plain connection
    secure = server_of(tmp_path, database.url() + "?sslmode=require")
    with pytest.raises(Unreachable, match="SSL"):
        secure.start(silent)
    assert server_of(tmp_path, database.url() + "?sslmode=prefer&options=-c%20work_mem%3D7MB").start(silent)
    with connect(server_of(tmp_path, database.url() + "?options=-c%20work_mem%3D7MB").address()) as conn:
        assert conn.value("SHOW work_mem") == "7MB"


def test_stopping_it_is_refused_and_nothing_proves_it_disposable(tmp_path: Path, database: Address) -> None:
    server = server_of(tmp_path, database.url())
    for destroy in (False, True):
        with pytest.raises(Refused) as refused:
            server.stop(destroy=destroy)
        assert refused.value.exit_code == 3
        assert PASSWORD not in refused.value.message
    with connect(database) as conn:
        assert server.disposable(conn) is None


def test_a_server_that_is_not_there_is_7(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        server_of(tmp_path, f"postgresql://a:b@127.0.0.1:{free_port()}/c").start(silent)


def test_an_old_server_is_named(tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    # no binaries older than 14 are to be had: the limit is raised instead
    monkeypatch.setattr("aegisdb.postgres.session.OLDEST", 990000)
    with pytest.raises(BadInput, match="PostgreSQL 18") as refused:
        server_of(tmp_path, database.url()).start(silent)
    assert refused.value.code == "old_server"
    with connect(database) as conn, pytest.raises(BadInput, match="99 is the oldest") as refused:
        conn.stay()  # every command that does more than look
    assert refused.value.code == "old_server"


@pytest.mark.parametrize(("url", "missing"), [("postgresql://u:p@h/", "database"), ("postgresql://h/db", "user")])
def test_an_incomplete_url_is_bad_input(tmp_path: Path, url: str, missing: str) -> None:
    with pytest.raises(BadInput, match=f"names no {missing}"):
        server_of(tmp_path, url).address()


def test_as_typed(tmp_path: Path, server: TestServer) -> None:
    (tmp_path / "services.yaml").write_text(
        "version: 1\nproject: aegis\ntargets: {t: {url: '${SHARED_URL}'}}\n"
        "database: {name: aegis, user: aegis, password: x}\n"
    )
    shared = {"SHARED_URL": server.address.url()}
    assert invoke("db.up", cwd=tmp_path, env=shared).code == 0
    for words in (("db.down",), ("db.down", "--volumes"), ("db.down", "--volumes", "--yes")):
        ran = invoke(*words, cwd=tmp_path, env=shared)
        assert (ran.code, ran.last.split()[0]) == (3, "error[not_ours]")


def test_one_of_several_hosts_serves_a_whole_command(tmp_path: Path, database: Address) -> None:
    dead = free_port()
    hosts = f"127.0.0.1:{dead},127.0.0.1:{database.port}"
    url = database.url().replace(f"127.0.0.1:{database.port}", hosts)
    server = server_of(tmp_path, f"{url}?target_session_attrs=read-write")
    assert hosts in server.label()
    assert server.address() == database
    assert server.client_address().url() == f"{url}?target_session_attrs=read-write"
    with pytest.raises(Unreachable, match="target_session_attrs=standby") as caught:
        server_of(tmp_path, f"{url}?target_session_attrs=standby").address()
    assert "no PostgreSQL answers" not in caught.value.message
    with pytest.raises(Unreachable, match=f"127.0.0.1:{dead}, 127.0.0.1:1: ") as caught:
        server_of(tmp_path, f"postgresql://a:b@127.0.0.1:{dead},127.0.0.1:1/c").address()
    assert "db.up" not in caught.value.hint


@pytest.mark.parametrize("query", ["sslmode=banana", "target_session_attrs=x", "keepalives_idle=x"])
def test_a_value_that_libpq_cannot_use_is_bad_input(tmp_path: Path, database: Address, query: str) -> None:
    with pytest.raises(BadInput, match=query.partition("=")[0]) as caught:
        server_of(tmp_path, f"{database.url()}?{query}").start(silent)
    assert caught.value.code == "url"


@pytest.mark.parametrize("query", ["schema=public", "pgbouncer=true", "connection_limit=1"])
def test_another_clients_word_is_2_and_contacts_nothing(tmp_path: Path, query: str) -> None:
    (tmp_path / "services.yaml").write_text(
        "version: 1\nproject: aegis\ntargets: {t: {server: embedded}}\n"
        "database: {name: aegis, user: aegis, password: x}\n"
    )
    url = {"DATABASE_URL": f"postgresql://a:b@127.0.0.1:{free_port()}/c?{query}"}
    for words in (("migrate.status",), ("db.status",), ("db.wait", "--timeout", "60"), ("deploy.apply",)):
        ran = invoke(*words, cwd=tmp_path, env=url)
        assert (ran.code, ran.last.split()[0]) == (2, "error[url]"), ran.err
