"""FAULTS 61: whatever becomes of a file below `.aegisdb/`, it costs time, never an answer, and is no bug."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from tests.damages import DAMAGES, repair
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import TestServer
from tests.test_file_cache import kinds
from tests.workflows.project import URL_NAME, Project

READERS = {
    "cache/registry.json": ("service.list",),
    "cache/locations.json": ("migrate.status",),
    "cache/revisions.kept": ("migrate.status", "migrate.history"),
    "cache/imports.json": ("seed.list",),
    "cache/lint.json": ("migrate.lint --all",),
    "cache/lint/{name}.json": ("migrate.lint --all",),
    "cache/squawk/{name}.json": ("migrate.lint --all",),
    "cache/described/{name}.json": ("doctor",),
    "cache/models/{name}.json": ("migrate.verify", "doctor"),
    "fingerprints/{name}.json": ("migrate.verify", "db.verify", "db.diagram"),
    "refusals/{name}.json": ("db.verify",),
    "proven.json": ("migrate.roundtrip --all",),
    "read.json": ("migrate.verify",),
    "last-roundtrip.json": ("report",),
}
"""Commands that read each kind. The server's state is in tests/servers, that of rollouts in tests/fleets."""
BESIDE = {"cache/lint/{name}.json": "cache/lint.json", "cache/squawk/{name}.json": "cache/lint.json"}
"""Files that are only read where another one is not there."""
TIMES = {"seconds", "up_seconds", "down_seconds", "bytes", "made", "at"}
BASE = """
CREATE TABLE trail (id int PRIMARY KEY, what text);
INSERT INTO trail VALUES (1, 'made');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the trail stays'; END $$;
CREATE TRIGGER trail_stays BEFORE UPDATE OR DELETE ON trail FOR EACH ROW EXECUTE FUNCTION refuse();
"""
SHOP = Svc(
    revisions=(Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),),
    more={"seeds": [{"module": "filling"}]},
)
READING = Svc(revisions=(Rev(id="r1", up="open('more.sql').close()"),))
EVERYTHING = (
    "migrate.apply",
    "seed.run",
    "migrate.roundtrip --all",
    *{name: None for names in READERS.values() for name in names},
)


@pytest.fixture(scope="module")
def shop(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose every file below `.aegisdb/` is made; its trail has lost the trigger that guards it."""
    root, address = tmp_path_factory.mktemp("shop"), server.address.with_database(f"t_{uuid.uuid4().hex[:12]}")
    build_monorepo(
        root,
        {"shop": SHOP, "reading": READING},
        url=f"${{{URL_NAME}}}",
        init={"sql/base.sql": BASE},
        database={"password": "${UNSET:-}"},  # one that is written out keeps the registry out of its cache
        extra={"project": "shop"},
    )
    (root / "services" / "shop" / "filling.py").write_text("import more\n")
    (root / "services" / "shop" / "more.py").write_text("")
    (root / "services" / "reading" / "more.sql").write_text("")
    _age(root)
    with databases.maintenance(address) as conn:
        databases.create(conn, address.database)
    made = Project(root, address)
    _weakened_base(address)
    for words in EVERYTHING:
        assert made.invoke(*words.split()).code in {0, 6}, words
    yield made
    with databases.maintenance(address) as conn:
        for (name,) in conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (address.database,)):
            databases.drop(conn, name, force=True)


def _age(root: Path) -> None:
    """Make files older than what may still change: only such ones are remembered."""
    before = time.time() - 60
    for path in root.rglob("*"):
        os.utime(path, (before, before))


def _weakened_base(address: Address) -> None:
    from aegisdb.postgres.connection import connect

    with connect(address) as conn:
        conn.execute(BASE)
        conn.execute("ALTER TABLE trail DISABLE TRIGGER trail_stays")


def files_of(project: Project, place: str) -> list[Path]:
    """All files of a kind; of the fingerprints and the like there is one for each name."""
    return sorted((project.root / ".aegisdb").glob(place.replace("{name}", "*")))


def answer(project: Project, words: str) -> tuple[int, Any]:
    """Exit code and everything that was said, without times."""
    ran = project.invoke(*words.split(), "--format", "json")
    return ran.code, _timeless(ran.json)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key not in TIMES}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def test_every_kind_is_tried() -> None:
    assert set(READERS) == {place for place in kinds() if not place.startswith(("servers/", "rollouts/"))}


def test_the_weakened_base_is_found(shop: Project) -> None:
    code, said = answer(shop, "db.verify")
    assert code == 6
    assert "UPDATE on public.trail is not refused by a trigger" in str(said["errors"])


@pytest.fixture(scope="module")
def undamaged(shop: Project) -> dict[str, tuple[int, Any]]:
    """What each command says while every file is as it was made."""
    said = {words: answer(shop, words) for commands in READERS.values() for words in commands}
    # nobody can find it out anew: it is as if there were none
    (last,) = files_of(shop, "last-roundtrip.json")
    content = last.read_bytes()
    last.unlink()
    said |= {words: answer(shop, words) for words in READERS["last-roundtrip.json"]}
    repair(last, content)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damage_changes_an_answer(shop: Project, undamaged: dict[str, tuple[int, Any]], damage: str) -> None:
    for place, commands in READERS.items():
        files = files_of(shop, place)
        assert files, place
        before = {path: path.read_bytes() for path in files}
        answers = files_of(shop, BESIDE[place]) if place in BESIDE else []
        for words in commands:
            for path, content in before.items():
                repair(path, content)
                DAMAGES[damage](path)
            for path in answers:
                path.unlink()
            assert answer(shop, words) == undamaged[words], f"{words} with {place}: {damage}"
        for path, content in before.items():
            repair(path, content)
