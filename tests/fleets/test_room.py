"""A server gets no more sessions at once than it may, whatever the names are that lead to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aegisdb.fleets.asking import ask
from aegisdb.postgres.connection import Connection
from aegisdb.workspace import Workspace, open_workspace
from tests.fleets.tenants import Tenants, tenants
from tests.postgres_server import TestServer


@pytest.fixture(scope="module")
def fleet(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with tenants(tmp_path_factory.mktemp("fleet"), server.address) as made:
        yield made


@pytest.mark.parametrize(("per_server", "parallel"), [(1, 6), (2, 6), (4, 1)])
def test_two_names_of_one_server_are_counted_together(fleet: Tenants, per_server: int, parallel: int) -> None:
    other = replace(fleet.maintenance, host="localhost").with_database("x").url().rpartition("/")[0]
    listed: list[dict[str, Any]] = [{"name": name} for name in ("acme", "globex", "initech")]
    listed += [{"name": name, "url_env": f"OF_{name}"} for name in ("umbrella", "hooli", "stark")]
    fleet.change(members={"list": listed}, per_server=per_server, parallel=parallel)
    environ = fleet.env | {f"OF_{name}": f"{other}/{fleet.prefix}_{name}" for name in ("umbrella", "hooli", "stark")}
    ws = open_workspace(fleet="tenants", cwd=fleet.root, environ=environ)
    lock, now, most = threading.Lock(), 0, 0

    def question(member: Workspace, conn: Connection) -> str:
        nonlocal now, most
        del member
        with lock:
            now += 1
            most = max(most, now)
        conn.value("SELECT pg_sleep(0.05)")
        with lock:
            now -= 1
        return str(conn.value("SELECT current_database()"))

    answers = ask(ws, question, "ask")
    assert [one.answer for one in answers] == [f"{fleet.prefix}_{row['name']}" for row in listed]
    assert most == min(per_server, parallel)
