"""Fault 34: however production is reached, every destructive task is refused and nothing changes (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks
from aegisdb.postgres import markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.databases import maintenance
from tests.postgres_server import PASSWORD
from tests.production import state
from tests.relay import relay
from tests.workflows.project import Project, project

SHOP = ("--service", "shop")
DESTRUCTIVE = (
    ("db.reset", "--yes"),
    ("db.reset", "--disconnect", "--yes"),
    ("db.reset", "--volumes", "--yes"),
    ("db.restore", "kept", "--yes"),
    ("db.drop-snapshot", "kept"),
    ("db.down", "--volumes", "--yes"),
    ("migrate.stamp", *SHOP, "--revision", "a1", "--force", "--yes"),
    ("migrate.rollback", *SHOP, "--steps", "2", "--yes"),
    ("migrate.rollback", *SHOP, "--to", "base", "--yes"),
    ("migrate.reapply", *SHOP, "--steps", "2", "--yes"),
    ("migrate.resolve", *SHOP, "--rolled-back", "--force", "--yes"),
)
NEVER_ASKED = ("db.down", "--volumes")
"""Refused before a connection: a URL's server is stopped by whoever runs it."""


def port_of(production: Project) -> int:
    return production.address.port


@pytest.fixture
def half_applied(production: Project, words: tuple[str, ...]) -> Iterator[None]:
    """Where the task is `migrate.resolve`: a revision for it to settle, taken away afterwards."""
    if words[0] != "migrate.resolve":
        yield
        return
    with connect(production.address) as conn:
        conn.execute("INSERT INTO aegisdb.in_flight (service, revision, action) VALUES ('shop', 'a2', 'upgrade')")
    yield
    with connect(production.address) as conn:
        conn.execute("DELETE FROM aegisdb.in_flight")


def refused(production: Project, words: tuple[str, ...], env: dict[str, str], *flags: str) -> None:
    """The task ends with 3, names the server that it really reached, and changes nothing."""
    before = state(production)
    ran = production.invoke(*words, *flags, env=env)
    assert ran.code == 3, ran.err
    if not set(NEVER_ASKED) & set(words):
        # the server's own answer, behind any tunnel
        assert f"aegis@127.0.0.1:{port_of(production)}" in ran.last
    assert state(production) == before


def test_the_list_above_is_complete() -> None:
    """Every task that asks for a confirmation, and the one that deletes a copy for good."""
    asking = {name for name in tasks.ns.task_names if "yes" in tasks.ns[name].flags}
    assert {words[0] for words in DESTRUCTIVE} == asking | {"db.drop-snapshot"}


@pytest.mark.usefixtures("half_applied")
@pytest.mark.parametrize("words", DESTRUCTIVE, ids=" ".join)
def test_a_protected_target(production: Project, words: tuple[str, ...]) -> None:
    production.set_target(protected=True)
    try:
        refused(production, words, {})
    finally:
        production.set_target(protected=False)


@pytest.mark.usefixtures("half_applied")
@pytest.mark.parametrize("words", DESTRUCTIVE, ids=" ".join)
def test_a_tunnel_on_localhost(production: Project, words: tuple[str, ...]) -> None:
    with relay(port_of(production)) as port:
        url = production.address.url().replace(f"@127.0.0.1:{port_of(production)}/", f"@localhost:{port}/")
        refused(production, words, {"DATABASE_URL": url})


@pytest.mark.parametrize("words", [DESTRUCTIVE[0], DESTRUCTIVE[6]], ids=" ".join)
@pytest.mark.parametrize("form", ["plain", "host", "hostaddr", "dbname", "port"])
def test_a_url_whose_text_says_something_else(production: Project, form: str, words: tuple[str, ...]) -> None:
    port, login = port_of(production), production.address.url().partition("@")[0]
    text = {
        "plain": f"{login}@127.0.0.1:{port}/aegis",
        "host": f"{login}@dev.invalid:{port}/aegis?host=127.0.0.1",
        "hostaddr": f"{login}@dev.invalid:{port}/aegis?hostaddr=127.0.0.1",
        "dbname": f"{login}@127.0.0.1:{port}/innocent?dbname=aegis",
        "port": f"{login}@127.0.0.1:1/aegis?port={port}",
    }[form]
    refused(production, words, {"DATABASE_URL": text})


@pytest.mark.parametrize("words", [("db.reset", "--yes"), ("migrate.status",)], ids=" ".join)
def test_a_url_that_names_a_service_is_not_followed(
    production: Project, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Who knows what the file says: refused by every task, and nothing is contacted."""
    before = state(production)
    env = _service_file(production, tmp_path)
    ran = production.invoke(*words, env={**env, "DATABASE_URL": "postgresql:///aegis?service=production"})
    assert ran.code == 3
    assert "error[url_service]" in ran.last
    assert "DATABASE_URL" in ran.last
    assert state(production) == before


@pytest.mark.parametrize("leftover", ["PGHOSTADDR", "PGHOST", "PGSERVICE", "PGOPTIONS"])
def test_leftovers_of_a_shell_lead_nowhere(
    production: Project, tmp_path: Path, database: Address, leftover: str
) -> None:
    """A reset of an own database, in a shell that still points to production."""
    before = state(production)
    place = {"PGPORT": str(port_of(production)), "PGDATABASE": "aegis", "PGUSER": "aegis", "PGPASSWORD": PASSWORD}
    env = {
        "PGHOSTADDR": {"PGHOSTADDR": "127.0.0.1", **place},
        "PGHOST": {"PGHOST": "127.0.0.1", **place},
        "PGSERVICE": {"PGSERVICE": "production", **_service_file(production, tmp_path)},
        "PGOPTIONS": {"PGOPTIONS": "-c search_path=pg_catalog -c default_transaction_read_only=on"},
    }[leftover]
    with project(tmp_path / "own", database) as own:
        with maintenance(database) as conn:
            markers.mark(conn, database.database, "test")
        ran = own.invoke("db.reset", "--yes", env=env)
        assert ran.code == 0, ran.err
        assert own.text() == "fresh"
        assert own.invoke("migrate.status", "--check", env=env).code == 0
    assert state(production) == before


def test_the_state_would_show_a_change(production: Project) -> None:
    """The comparisons of this module can fail: one row more is another state."""
    before = state(production)
    with connect(production.address) as conn:
        conn.execute("INSERT INTO shop_items VALUES (99, 1)")
        assert state(production) != before
        conn.execute("DELETE FROM shop_items WHERE id = 99")
    assert state(production) == before


def _service_file(production: Project, home: Path) -> dict[str, str]:
    file = home / "pg_service.conf"
    file.write_text(
        f"[production]\nhost=127.0.0.1\nhostaddr=127.0.0.1\nport={port_of(production)}\n"
        f"dbname=aegis\nuser=aegis\npassword={PASSWORD}\n"
    )
    return {"PGSERVICEFILE": str(file)}
