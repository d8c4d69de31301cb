"""Parts of a plan are the plan: put together they are its report apart from times, or they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.postgres_server import TestServer
from tests.workflows.migrate.plan_services import add_pending, plan_place, remove_pending, sql
from tests.workflows.migrate.test_roundtrip_elsewhere import timeless

TRIGGER = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit_t (id, note) VALUES (100 + new.id, 'seen'); RETURN new; END $$;
CREATE TRIGGER note AFTER INSERT ON orders_t FOR EACH ROW EXECUTE FUNCTION note();
"""


@pytest.fixture(scope="module")
def place(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Address]]:
    """Services with rows, at their first revision."""
    with server.own_database("plan_parts") as address:
        root = plan_place(tmp_path_factory.mktemp("plan_parts"), address.url(), "plan_parts")
        applied = invoke("migrate.apply", cwd=root)
        assert applied.code == 0, applied.err
        with psycopg.connect(address.url(), autocommit=True) as conn:
            conn.execute("INSERT INTO users_t SELECT g, 'n' FROM generate_series(1, 9) g")
        yield root, address


def planned(root: Path, *words: str) -> Ran:
    return invoke("migrate.plan", "--format", "json", *words, cwd=root)


def in_parts(root: Path, of: int) -> tuple[list[Ran], Ran]:
    """Each part, and what `report.merge` makes of them."""
    parts = [planned(root, "--shard", f"{number}/{of}") for number in range(of)]
    folder = root / "reports"
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(parts):
        (folder / f"part{number}.json").write_text(part.out)
    words = [word for number in range(of) for word in ("--files", f"reports/part{number}.json")]
    return parts, invoke("report.merge", *words, "--format", "json", cwd=root)


def result(ran: Ran) -> Any:
    """What a plan says, without times and without the part it says it of."""
    found = timeless(ran.json["result"])
    return {key: value for key, value in found.items() if key != "shard"}


def test_all_parts_are_the_plan(place: tuple[Path, Address]) -> None:
    root, _ = place
    add_pending(root)
    whole = planned(root)
    assert (whole.code, whole.json["result"]["rehearsed_on"]) == (0, "a copy of the database"), whole.err
    assert len(whole.json["result"]["revisions"]) == 12
    for of in (2, 3):
        parts, merged = in_parts(root, of)
        assert [part.code for part in parts] == [0] * of, [part.err for part in parts]
        assert timeless(merged.json["result"]["report"]) == result(whole), merged.err
    told = [{one["service"] for one in part.json["result"]["revisions"]} for part in parts]
    assert told == [{"audit", "shop", "users"}, set(), {"orders", "parts"}]
    assert [part.json["result"]["parts"] for part in parts] == [
        [{"own": ["audit", "shop", "users"], "first": ["orders", "parts"]}],
        [],
        [{"own": ["orders", "parts"], "first": ["users"]}],
    ]


def test_a_revision_that_fails_ends_the_plan_of_all_parts(place: tuple[Path, Address]) -> None:
    """The part of the revision fails, and nothing that comes after it is told of the others."""
    root, _ = place
    remove_pending(root)
    wrong = {"orders": [sql("ALTER TABLE orders_t ADD a int"), sql("ALTER TABLE orders_t ADD n int")]}
    add_pending(root, {**wrong, "audit": [sql("ALTER TABLE audit_t ADD a int")], "users": [sql("SELECT 1")]})
    whole = planned(root)
    assert (whole.code, whole.json["result"]["failed"]) == (1, "orders orders3"), whole.err
    parts, merged = in_parts(root, 2)
    assert [part.code for part in parts] == [1, 0]
    assert merged.code == 1
    assert timeless(merged.json["result"]["report"]) == result(whole)
    assert merged.json["errors"] == whole.json["errors"]


def test_what_only_a_trigger_says_is_found_in_the_end(place: tuple[Path, Address]) -> None:
    """Rows of orders make rows of audit, which its own part has before them and the other one has not."""
    root, address = place
    remove_pending(root)
    add_pending(
        root,
        {
            "audit": [sql("INSERT INTO audit_t VALUES (1, 'a')")],
            "orders": [sql("INSERT INTO orders_t VALUES (1, 1, 1)")],
        },
    )
    with psycopg.connect(address.url(), autocommit=True) as conn:
        conn.execute(TRIGGER)
    parts, merged = in_parts(root, 2)
    assert [part.code for part in parts] == [0, 0]
    assert (merged.code, merged.json["errors"][0]["code"]) == (2, "shards")
    assert "audit audit2 and orders orders2 both touch public.audit_t, of which their files say nothing" in merged.last
    ran = planned(root, "--engine", "dask:local:2")
    assert timeless(ran.json) == timeless(planned(root).json)
    assert "both touch public.audit_t: rehearsed again in one piece" in ran.err
    with psycopg.connect(address.url(), autocommit=True) as conn:
        conn.execute("DROP FUNCTION note() CASCADE")
