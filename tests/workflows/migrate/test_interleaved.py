"""Services whose revisions rest on each other in turn: applied, built again, proven, taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

TO_TEXT = 'op.execute("ALTER TABLE {0} ALTER COLUMN {1} TYPE text")'
TO_NUMBER = 'op.execute("ALTER TABLE {0} ALTER COLUMN {1} TYPE bigint USING {1}::bigint")'
KEY = 'op.create_foreign_key("fk_unit", "notes_t", "stock_t", ["unit"], ["id"])'
NO_KEY = 'op.drop_constraint("fk_unit", "notes_t", type_="foreignkey")'

STOCK = (
    Rev(id="s1", up='op.execute("CREATE TABLE stock_t (id bigint PRIMARY KEY)")', down='op.drop_table("stock_t")'),
    Rev(id="s2", up=TO_TEXT.format("stock_t", "id"), down=TO_NUMBER.format("stock_t", "id")),
)
NOTES = (
    Rev(id="n1", up=table("notes_t", "unit bigint") + "\n" + KEY, down='op.drop_table("notes_t")'),
    Rev(
        id="n2",
        up=f"{NO_KEY}\n{TO_TEXT.format('notes_t', 'unit')}",
        down=f"{TO_NUMBER.format('notes_t', 'unit')}\n{KEY}",
    ),
)


def ok(root: Path, *words: str) -> Ran:
    ran = invoke(*words, cwd=root)
    assert ran.code == 0, ran.out + ran.err
    return ran


def proven(ran: Ran) -> dict[str, str]:
    """Status by revision."""
    return {r["revision"]: r["status"] for s in ran.json["services"] for r in s["revisions"]}


def ready(root: Path, database: Address, *, requires: str = "", seen: int = 1) -> Path:
    """Stock before notes; `seen` revisions of each are written."""
    stock = (STOCK[0], replace(STOCK[1], head=f"requires = [{requires!r}]" if requires else ""))
    services = {"stock": Svc(revisions=stock[:seen]), "notes": Svc(revisions=NOTES[:seen], after=("stock",))}
    return build_monorepo(root, services, url=database.url())


def test_what_was_applied_in_turn_is_built_and_proven_in_turn(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database)
    ok(root, "migrate.apply")
    write_revision(root / "services/notes", NOTES[1], "n1")
    ok(root, "migrate.apply")
    write_revision(root / "services/stock", STOCK[1], "s1")
    ok(root, "migrate.apply")
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    assert "revision_failed" not in ran.out + ran.err
    ran = ok(root, "migrate.roundtrip", "--all", "--format", "json")
    assert proven(ran) == dict.fromkeys(["s1", "s2", "n1", "n2"], "proven")


def test_a_word_in_the_revision_is_enough_for_an_empty_database(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, requires="notes@n2", seen=2)
    ran = ok(root, "migrate.roundtrip", "--all", "--format", "json")
    assert proven(ran) == dict.fromkeys(["s1", "s2", "n1", "n2"], "proven")
    planned = ok(root, "migrate.plan", "--format", "json")
    assert [r["revision"] for r in planned.json["result"]["revisions"]] == ["s1", "n1", "n2", "s2"]
    ran = invoke("migrate.apply", "--service", "stock", cwd=root)
    assert ran.code == 3
    assert "stock s2 requires notes n2, which is not applied" in ran.last
    assert "invoke migrate.apply --service notes --to n2" in ran.last
    ok(root, "migrate.apply")
    with psycopg.connect(database.url()) as conn:
        listed = conn.execute("SELECT revision FROM aegisdb.journal WHERE revision IS NOT NULL ORDER BY id").fetchall()
    assert [row[0] for row in listed] == ["s1", "n1", "n2", "s2"]
    ran = invoke("migrate.rollback", "--service", "notes", "--yes", cwd=root)
    assert ran.code == 3
    assert "invoke migrate.rollback --service stock --to s1" in ran.last
    ok(root, "migrate.rollback", "--service", "stock", "--yes")
    ok(root, "migrate.rollback", "--service", "notes", "--yes")


def test_rows_and_stamps_go_in_turn_as_well(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, requires="notes@n2", seen=2)
    path = root / "services.yaml"
    document = json.loads(path.read_text())
    document["services"]["notes"]["seeds"] = [{"sql": "seed.sql", "fills": ["stock_t", "notes_t"]}]
    path.write_text(json.dumps(document))
    (root / "services/notes/seed.sql").write_text(
        "INSERT INTO stock_t VALUES (1), (2); INSERT INTO notes_t (id, unit) VALUES (1, 2);"
    )
    for words in (("--all",), ("--last", "1"), ("--service", "stock", "--last", "1")):
        ran = ok(root, "migrate.roundtrip", "--with-data", "--format", "json", *words)
        assert set(proven(ran).values()) == {"proven"}
        assert not any(
            "not reached" in note for s in ran.json["services"] for r in s["revisions"] for note in r["notes"]
        )
    ok(root, "migrate.apply")
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("DELETE FROM alembic_version_stock")
        conn.execute("DELETE FROM aegisdb.journal WHERE service = 'stock'")
    wrong = invoke("migrate.stamp", "--service", "stock", "--revision", "s1", "--yes", cwd=root)
    assert wrong.code == 6
    assert "invoke migrate.stamp --service stock --revision s2" in wrong.last
    ok(root, "migrate.stamp", "--service", "stock", "--revision", "s2", "--yes")


def test_without_it_an_empty_database_says_what_to_write(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, seen=2)
    ran = invoke("migrate.apply", cwd=root)
    assert ran.code == 1
    assert "n1" in ran.last


def test_foreign_keys_both_ways_are_applied_and_proven(database: Address, tmp_path: Path) -> None:
    key = 'op.create_foreign_key("fk_last", "stock_t", "notes_t", ["last"], ["id"])'
    stock = (
        Rev(id="s1", up=table("stock_t", "last bigint"), down='op.drop_table("stock_t")'),
        Rev(id="s2", up=key, down='op.drop_constraint("fk_last", "stock_t", type_="foreignkey")'),
    )
    services = {"stock": Svc(revisions=stock), "notes": Svc(revisions=NOTES[:1])}
    root = build_monorepo(tmp_path, services, url=database.url())
    assert proven(ok(root, "migrate.roundtrip", "--all", "--format", "json")) == dict.fromkeys(
        ["s1", "s2", "n1"], "proven"
    )
    ok(root, "migrate.apply")
