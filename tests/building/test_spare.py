"""Spare copies: made after a reset, taken by the next ones, never another database than a reset from nothing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.building import spare
from aegisdb.building.spare import make_ahead
from aegisdb.building.templates import spare_names
from aegisdb.errors import Busy
from aegisdb.fingerprint import read
from aegisdb.postgres import databases
from aegisdb.postgres.scratch import new_name, orphans
from aegisdb.seeds.row_hashes import table_contents
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.workflows.db import fresh_database
from aegisdb.workflows.db.cache import cache
from aegisdb.workflows.db.reset import reset
from aegisdb.workspace import Workspace, open_workspace
from tests.invoke import invoke
from tests.monorepo import build_monorepo
from tests.postgres_server import free_port
from tests.running import eventually
from tests.seeds.shop import processes_naming
from tests.workflows.project import INIT, SHOP

_BACK_TO_BACK = 3
_ITEM = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    price: Mapped[int | None]
"""
_AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aegisdb: spare copy'"
_WAIT = 120.0  # seconds: the machine may be busy


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """A project with a server of its own."""
    port = free_port()
    more = {"project": f"spare{port}", "targets": {"local": {"server": "embedded", "port": port}}}
    build_monorepo(tmp_path, {"shop": replace(SHOP, models=_ITEM)}, init=INIT, extra=more)
    (tmp_path / "services" / "shop" / "seed.sql").write_text("INSERT INTO shop_items VALUES (1, 10), (2, 20);\n")
    made = _open(tmp_path)
    yield made
    made.server.stop(destroy=True)


def _open(root: Path) -> Workspace:
    return open_workspace(cwd=root, environ={}, command="db.reset")


def _spares(ws: Workspace, *, count: int = 2, other_than: Collection[str] = ()) -> dict[str, int]:
    """Name and oid of the spare copies, once so many are there, those before them are gone, and no psql is at work."""
    deadline = time.monotonic() + _WAIT
    while time.monotonic() < deadline:
        with databases.maintenance(ws.address()) as conn:
            names = spare_names(ws, conn)
            oids = dict(conn.rows("SELECT datname, oid::int FROM pg_database WHERE datname = ANY (%s)", (list(names),)))
            if len(oids) == count and not oids.keys() & set(other_than) and not conn.value(_AT_WORK):
                return oids
        time.sleep(0.1)
    raise AssertionError(f"spare copies: {sorted(names)}")


def _state(ws: Workspace) -> tuple[int, str, dict[str, tuple[int, str]]]:
    with ws.connect() as conn:
        return conn.identity().oid, read(conn).text, table_contents(conn)


def test_the_next_reset_takes_one_and_gets_what_a_build_from_nothing_gets(ws: Workspace) -> None:
    reset(ws)
    spares = _spares(ws)
    reset(ws)
    taken = _state(ws)
    assert taken[0] in spares.values()
    assert _spares(ws).keys() == spares.keys()
    reset(ws, no_cache=True)
    built = _state(ws)
    assert built[0] not in {taken[0], *spares.values()}
    assert built[1:] == taken[1:]


def test_two_resets_in_a_row_each_take_one(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    reset(ws)
    spares = _spares(ws)
    with monkeypatch.context() as patched:
        patched.setattr(spare, "_leave", lambda *_: None)  # as if the psql of the first had not come far
        taken = []
        for _ in range(3):
            reset(ws)
            taken.append(_state(ws)[0])
    assert set(taken[:2]) == set(spares.values())
    assert taken[2] not in taken[:2]
    reset(ws)
    assert _spares(ws).keys() == spares.keys()


@pytest.mark.parametrize("free", [0, 1 << 30])
def test_a_second_one_is_made_only_where_there_is_room(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(EmbeddedServer, "free_bytes", lambda _: free)
    reset(ws)
    found = _spares(ws, count=1)
    reset(ws)
    assert [_state(ws)[0]] == list(found.values())
    assert _spares(ws, count=1).keys() == found.keys()
    monkeypatch.undo()
    reset(ws)
    assert _spares(ws).keys() > found.keys()


def test_two_psqls_that_make_them_at_once_and_one_that_died_leave_two(ws: Workspace) -> None:
    reset(ws)
    spares = _spares(ws)
    template = next(one.name for one in cache(ws).databases if "seeds" in one.name)
    with databases.maintenance(ws.address()) as conn:
        databases.drop(conn, min(spares))
        databases.drop(conn, max(spares))
        databases.create(conn, max(spares))  # not marked: its psql was killed before
        for _ in range(_BACK_TO_BACK):
            make_ahead(ws, conn, template)
    again = _spares(ws)
    assert again.keys() == spares.keys()
    reset(ws)
    assert _state(ws)[0] in again.values()


def test_somebody_has_been_there_before(ws: Workspace) -> None:
    """The first session in a new database makes this file, and waits for it."""
    reset(ws)
    oids = _spares(ws).values()
    assert eventually(lambda: all(any(ws.registry.state.rglob(f"base/{oid}/pg_internal.init")) for oid in oids))


def test_one_that_lacks_something_is_not_taken_and_makes_way_for_another(ws: Workspace) -> None:
    reset(ws)
    spares = _spares(ws)
    for name in spares:
        with ws.connect(name) as conn:
            conn.execute("DELETE FROM alembic_version_shop")
    reset(ws)
    assert _state(ws)[0] not in spares.values()
    assert eventually(lambda: len(set(_spares(ws).values()) - set(spares.values())) == 1)
    (other,) = set(_spares(ws).values()) - set(spares.values())
    reset(ws)
    assert _state(ws)[0] == other


def test_one_that_somebody_looks_into_is_left_alone(ws: Workspace) -> None:
    reset(ws)
    spares = _spares(ws)
    with ws.connect(min(spares)):
        reset(ws)
        assert _state(ws)[0] == spares[max(spares)]
    spares = _spares(ws)
    with ws.connect(min(spares)), ws.connect(max(spares)):
        reset(ws)
        assert _state(ws)[0] not in spares.values()
    reset(ws)
    assert _state(ws)[0] in spares.values()


def test_who_is_on_the_database_is_named_and_not_this_very_reset(ws: Workspace) -> None:
    """A reset that needs no driver keeps the session in which it looked for a production marker."""
    reset(ws)
    url = ws.address().by_password().url()
    with psycopg.connect(url, application_name="an application"):
        done = invoke("db.reset", cwd=ws.registry.root)
    assert done.code == 4, done
    assert "(an application, " in done.err
    assert "(aegisdb" not in done.err


def test_one_that_could_not_be_put_in_place_is_not_used_again(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal says already that it was."""
    reset(ws)
    before, spares = _state(ws), _spares(ws)

    def busy(*_: object, **__: object) -> str:
        raise Busy("somebody came in the last moment")

    with monkeypatch.context() as patched:
        patched.setattr(fresh_database, "replace_live", busy)
        with pytest.raises(Busy):
            reset(ws)
    assert _state(ws) == before
    with databases.maintenance(ws.address()) as conn:
        assert [databases.exists(conn, name) for name in spares].count(False) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("services/shop/seed.sql", "INSERT INTO shop_items VALUES (3, 30);\n"),
        ("sql/base.sql", INIT["sql/base.sql"] + "CREATE INDEX ON notes (text);\n"),
        ("services/shop/alembic/versions/a2.py", ""),
    ],
)
def test_after_an_edit_of_one_input_it_is_another_one(ws: Workspace, name: str, text: str) -> None:
    reset(ws)
    spares = _spares(ws)
    path = ws.registry.root / name
    path.write_text(text or path.read_text().replace("ADD price int", "ADD price bigint"))
    edited = _open(ws.registry.root)
    reset(edited)
    cached = _state(edited)
    assert cached[0] not in spares.values()
    reset(edited, no_cache=True)
    assert _state(edited)[1:] == cached[1:]
    reset(edited)
    assert _spares(edited, other_than=spares)


@pytest.mark.parametrize("edited", [False, True], ids=["same", "edited"])
def test_without_one_a_copy_is_made_beside_the_hashing_and_dropped_where_it_is_the_wrong_one(
    ws: Workspace, *, edited: bool
) -> None:
    reset(ws)
    spares = _spares(ws)
    with databases.maintenance(ws.address()) as conn:
        for name in spares:
            databases.drop(conn, name)
    if edited:
        (ws.registry.root / "services" / "shop" / "seed.sql").write_text("INSERT INTO shop_items VALUES (3, 30);\n")
    reset(ws)
    found = _state(ws)
    assert found[0] not in spares.values()
    _spares(ws)
    with databases.maintenance(ws.address()) as conn:
        assert eventually(lambda: orphans(conn, ws.address().database) == ())
    reset(ws, no_cache=True)
    assert _state(ws)[1:] == found[1:]


def test_the_cache_is_listed_and_dropped_and_a_stopped_server_leaves_nobody_behind(ws: Workspace) -> None:
    reset(ws)
    _spares(ws)
    kinds = sorted(one.kind for one in cache(ws).databases)
    assert kinds == ["spare", "spare", "template", "template", "template"]
    cache(ws, drop=True)
    assert cache(ws).databases == ()
    reset(ws)
    ws.server.stop()
    deadline = time.monotonic() + _WAIT
    while (left := processes_naming(f"{ws.registry.file.project}__tpl_spare")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_what_the_psql_drops_is_no_orphan_meanwhile(ws: Workspace) -> None:
    """Seen while a session of somebody else in it makes the server wait before it drops the database."""
    assert invoke("db.up", cwd=ws.registry.root).code == 0
    ws = _open(ws.registry.root)
    working = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aegisdb: spare copy' AND state = 'active'"
    )
    with databases.maintenance(ws.address()) as conn:
        name = new_name(conn, ws.address().database)
        databases.create(conn, name)
        assert orphans(conn, ws.address().database) == (name,)
        with psycopg.connect(ws.address().with_database(name).url()):
            make_ahead(ws, conn, None, drop=[name])
            assert eventually(lambda: bool(conn.value(working)))
            assert orphans(conn, ws.address().database) == ()


def test_doctor_right_after_a_reset_finds_nothing(ws: Workspace) -> None:
    """The reset leaves dropping the database that it replaced to a psql: that is no orphan of a dead command."""
    root = ws.registry.root
    for _ in range(_BACK_TO_BACK):
        assert (done := invoke("db.reset", cwd=root)).code == 0, done.err
        assert (told := invoke("doctor", cwd=root)).code == 0, told.err
