"""The url target: used, never started, stopped or destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import BadInput, Refused, Unreachable
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.progress import silent
from aegisdb.registry.types import UrlTarget
from aegisdb.servers import server_for
from aegisdb.servers.url import UrlServer
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
    monkeypatch.setattr("aegisdb.servers.url._OLDEST", 990000)
    with pytest.raises(BadInput, match="PostgreSQL 18") as refused:
        server_of(tmp_path, database.url()).start(silent)
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
