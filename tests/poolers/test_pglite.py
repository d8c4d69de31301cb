"""PGlite, the most restrictive server: one session for everybody, told as one or as many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.poolers.conftest import rows
from tests.poolers.programs import pglite
from tests.poolers.test_capabilities import SOME
from tests.poolers.test_pgbouncer import READERS, codes, typed
from tests.postgres_server import TestServer

PROVEN_ELSEWHERE = ((("migrate.verify",), 6), (("migrate.plan",), 0), (("doctor",), 6))
KINDS = ((1, "pool_size", "1 session(s) at once"), (20, "shared_session", "one session for all clients"))


@pytest.fixture(params=KINDS)
def restrictive(request: pytest.FixtureRequest) -> Iterator[tuple[Address, str, str]]:
    """One that takes a single client, and one that takes twenty and is one session all the same."""
    sessions, code, told = request.param
    with pglite(request.config, sessions) as address:
        yield address, code, told


def test_what_needs_one_session_works_and_the_rest_says_what_is_missing(
    shop: Path, restrictive: tuple[Address, str, str], server: TestServer
) -> None:
    address, code, told = restrictive
    words: tuple[str, ...]
    registry = json.loads((shop / "services.yaml").read_text())
    registry["targets"]["proofs"] = {"url": server.address.with_database("proofs").url(), "proof": "proofs"}
    (shop / "services.yaml").write_text(json.dumps(registry))
    alone = code == "pool_size"
    for words in READERS if alone else READERS[:1]:
        ran = typed(shop, address, *words)
        assert ran.code == 0, (words, ran.err)
    assert told in typed(shop, address, "db.status", "--format", "json").json["result"]["route"]
    for words in (*SOME, ("db.snapshot", "x")):
        ran = typed(shop, address, *words, "--format", "json")
        assert codes(ran) == (3, [code]), (words, ran.err)
        assert f"needs {'several sessions at once' if alone else 'a session of its own'}" in ran.last
    assert typed(shop, address, "db.reset").code == 3
    assert rows(address, "SELECT to_regclass('shop_items'), to_regnamespace('aegisdb')") == [(None, None)]
    for words, expected in PROVEN_ELSEWHERE if alone else ():
        ran = invoke(*words, "--format", "json", cwd=shop, env={"DATABASE_URL": address.url(), "AEGIS_PROOF": "proofs"})
        assert ran.code == expected, (words, ran.err)
        assert not {"unreachable", "server_down", code} & set(codes(ran)[1]), ran.err
