"""Templates: built once, found again by content, rebuilt from the deepest that still holds, bounded in number."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from aegisdb.building import build, template
from aegisdb.building.templates import KEPT, template_names
from aegisdb.errors import Busy, StatementFailed, Unreachable
from aegisdb.fingerprint import read
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event, Listener
from aegisdb.workflows.db.reset import reset
from aegisdb.workspace import Workspace, open_workspace
from tests.workflows.project import INIT, Project


def _open(shop: Project, events: list[Event] | None = None) -> Workspace:
    heard: list[Event] = [] if events is None else events
    return open_workspace(cwd=shop.root, environ=shop.env, listen=heard.append)


def _steps(events: list[Event]) -> set[str]:
    return {f"{event.step} {event.subject}".split(" (")[0] for event in events if event.seconds is not None}


def test_a_template_is_built_once_and_nobody_can_sit_in_it(shop: Project) -> None:
    events: list[Event] = []
    ws = _open(shop, events)
    name = template(ws, "base")
    events.clear()
    assert template(_open(shop, events), "base") == name
    assert events == []
    with pytest.raises(Unreachable):
        connect(shop.address.with_database(name))
    with scratch(shop.address, template=name) as copy, connect(copy) as conn:
        assert conn.value("SELECT text FROM notes") == "fresh"


def test_only_what_changed_is_built_again(shop: Project) -> None:
    before: list[Event] = []
    seeds = template(_open(shop, before), "seeds")
    assert {"template base", "template histories", "template seeds"} <= _steps(before)
    (shop.root / "services/shop/seed.sql").write_text("INSERT INTO shop_items VALUES (3, 30);\n")
    after: list[Event] = []
    assert template(_open(shop, after), "seeds") != seeds
    assert "template seeds" in _steps(after)
    assert not {"template base", "template histories"} & _steps(after)


def test_a_comment_in_a_revision_changes_nothing_but_code_does(shop: Project) -> None:
    revision = shop.root / "services/shop/alembic/versions/a2.py"
    first = template(_open(shop), "histories")
    revision.write_text(revision.read_text() + "\n# a remark\n")
    assert template(_open(shop), "histories") == first
    revision.write_text(revision.read_text().replace("ADD price int", "ADD price bigint"))
    assert template(_open(shop), "histories") != first


def test_a_template_equals_what_is_built_from_nothing(shop: Project) -> None:
    ws, name = _open(shop), f"{shop.address.database}_built"
    build(ws, name, upto="seeds")
    with connect(shop.address.with_database(name)) as conn:
        built = read(conn).text
    with scratch(shop.address, template=template(ws, "seeds")) as copy, connect(copy) as conn:
        assert read(conn).text == built


def test_histories_can_stop_at_a_revision(shop: Project) -> None:
    name = f"{shop.address.database}_built"
    build(_open(shop), name, upto="histories", revisions={"shop": ("a1",)})
    with connect(shop.address.with_database(name)) as conn:
        assert conn.value("SELECT version_num FROM alembic_version_shop") == "a1"


def test_a_failed_build_leaves_nothing(shop: Project) -> None:
    (shop.root / "sql/base.sql").write_text("CREATE TABLE notes (id int);\nSELECT nonsense;\n")
    before = shop.databases()
    with pytest.raises(StatementFailed):
        template(_open(shop), "base")
    with pytest.raises(StatementFailed):
        build(_open(shop), f"{shop.address.database}_built", upto="base")
    assert shop.databases() == before


def test_two_processes_build_it_once(shop: Project) -> None:
    events: list[Event] = []
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(template(_open(shop, events), "base"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(names) == 3
    assert len(set(names)) == 1
    assert len([event for event in events if event.step == "template" and event.seconds is not None]) == 1


def test_their_number_is_bounded(shop: Project) -> None:
    for number in range(KEPT + 2):
        (shop.root / "sql/base.sql").write_text(INIT["sql/base.sql"] + f"-- {number}\n")
        latest = template(_open(shop), "base")
    with databases.maintenance(shop.address) as conn:
        kept = template_names(_open(shop), conn)
    assert len(kept) == KEPT
    assert latest in {name for name, _, _ in kept}


LATER = """from alembic import op
revision = "a3"
down_revision = "a2"
def upgrade(): op.execute("ALTER TABLE shop_items ADD colour text")
def downgrade(): op.execute("ALTER TABLE shop_items DROP colour")
"""


def _appears(shop: Project, at: str, heard: list[str]) -> Listener:
    """A listener that puts a revision into the service's folder when it is told of this step for the first time."""

    def listen(event: Event) -> None:
        told = f"{event.step} {event.subject}"
        if told.startswith(at) and at not in heard:
            heard.append(at)
            _file(shop).write_text(LATER)

    return listen


def _file(shop: Project) -> Path:
    return shop.root / "services/shop/alembic/versions/a3.py"


def _revision(address: Address) -> object:
    with connect(address) as conn:
        return conn.value("SELECT version_num FROM alembic_version_shop")


@pytest.mark.parametrize("at", ["template base", "upgrade shop", "seed shop"])
def test_a_template_is_never_named_after_other_files_than_it_was_built_from(shop: Project, at: str) -> None:
    """A pull, a checkout or a migrate.new may come at any moment; what is kept would be wrong for ever."""
    heard: list[str] = []
    ws = open_workspace(cwd=shop.root, environ=shop.env, listen=_appears(shop, at, heard))
    later = template(ws, "seeds")
    assert heard == [at]
    with scratch(shop.address, template=later) as copy:
        assert _revision(copy) == "a3"
    _file(shop).unlink()
    earlier = template(_open(shop), "seeds")
    assert earlier != later
    with scratch(shop.address, template=earlier) as copy:
        assert _revision(copy) == "a2"


@pytest.mark.parametrize("at", ["template base", "upgrade shop", "seed shop"])
def test_a_reset_beside_which_a_revision_appears_has_it(shop: Project, at: str) -> None:
    heard: list[str] = []
    reset(open_workspace(cwd=shop.root, environ=shop.env, listen=_appears(shop, at, heard)))
    assert heard == [at]
    assert _revision(shop.address) == "a3"


def test_files_that_never_rest_are_said(shop: Project) -> None:
    seed = shop.root / "services/shop/seed.sql"

    def listen(event: Event) -> None:
        if event.step == "seed":
            seed.write_text(f"{seed.read_text()}-- {time.monotonic_ns()}\n")

    with pytest.raises(Busy, match="changed while it was built") as busy:
        reset(open_workspace(cwd=shop.root, environ=shop.env, listen=listen))
    assert (busy.value.code, busy.value.exit_code) == ("files_changed", 4)
    assert shop.orphans() == ()
