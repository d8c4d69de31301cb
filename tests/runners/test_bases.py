"""Roundtrips of histories that stand on a schema, a base, a stamp; and of those that work in one run only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, write

MOOD = 'op.create_table("{0}", sa.Column("mood", sa.Enum("a", "b", name="typed_mood")))'
TYPED = Svc(
    revisions=(
        Rev(id="t1", up=MOOD.format("typed_t"), down='op.drop_table("typed_t")\nop.execute("DROP TYPE typed_mood")'),
        Rev(id="t2", up='op.add_column("typed_t", sa.Column("n", sa.Integer))', down='op.drop_column("typed_t", "n")'),
        Rev(id="t3", up=MOOD.format("typed_u"), down='op.drop_table("typed_u")'),
        Rev(id="t4", up='op.add_column("typed_u", sa.Column("n", sa.Integer))', down='op.drop_column("typed_u", "n")'),
        Rev(id="t5", up='op.execute("SELECT 1 / 0")'),
        Rev(id="t6"),
    )
)


def add(column: str, *, down: str = "") -> Rev:
    up = f'op.add_column("stamped_t", sa.Column("{column}", sa.Text))'
    return Rev(id=f"s_{column}", up=up, down=down or f'op.drop_column("stamped_t", "{column}")')


def stamped(**broken: str) -> Svc:
    """Its base has the columns a to d, and d with a default that no revision gives; e comes after the stamp."""
    first = Rev(
        id="s_id", up='op.create_table("stamped_t", sa.Column("id", sa.Integer))', down='op.drop_table("stamped_t")'
    )
    return Svc(
        revisions=(first, *(add(column, down=broken.get(column, "")) for column in "abcde")),
        schema="stamped",
        more={"base": ["services/stamped/base.sql"], "stamp": "s_d"},
    )


BASE = "CREATE TABLE stamped_t (id int, a text, b text, c text, d text DEFAULT 'x');\n"


def proofs(root: Path, services: dict[str, Svc], database: Address) -> dict[str, tuple[str, list[str], list[str]]]:
    build_monorepo(root, services, url=database.url())
    return prove(root)


def prove(root: Path, *words: str) -> dict[str, tuple[str, list[str], list[str]]]:
    ran = invoke("migrate.roundtrip", *(words or ("--all",)), "--format", "json", cwd=root)
    assert ran.code in {0, 6}, ran.err
    found: list[dict[str, Any]] = [r for s in ran.json["services"] for r in s["revisions"]]
    return {r["revision"]: (r["status"], [f["code"] for f in r["findings"]], r["notes"]) for r in found}


def test_a_revision_that_works_only_in_one_run_is_told_and_passed(tmp_path: Path, database: Address) -> None:
    found = proofs(tmp_path, {"typed": TYPED}, database)
    assert found["t1"] == found["t2"] == found["t4"] == ("proven", [], [])
    status, codes, notes = found["t3"]
    assert (status, codes) == ("failed", ["upgrade_failed"])
    assert "only in one run" in notes[0]
    # one that never applies is told as such, and hides what is above it
    assert found["t5"] == ("failed", ["upgrade_failed"], [])
    assert found["t6"] == ("not reached", [], ["t5 below it does not apply"])


def test_stamped_revisions_are_proven_downwards(tmp_path: Path, database: Address) -> None:
    write(tmp_path / "services/stamped/base.sql", BASE)
    found = proofs(tmp_path, {"stamped": stamped(c="pass")}, database)
    assert {r: found[r][0] for r in found} == {
        "s_id": "failed", "s_a": "proven", "s_b": "proven", "s_c": "failed", "s_d": "failed", "s_e": "proven",
    }  # fmt: skip
    assert found["s_d"][1] == ["upgrade_differs"]  # the default is the base's own
    assert found["s_c"][1] == ["upgrade_failed"]  # the column is there already
    assert found["s_id"][1:] == (["upgrade_differs"], ["what s_d above it left behind may be the reason"])
    last = prove(tmp_path, "--last", "1")
    assert last == {"s_e": ("proven", [], [])}


def test_below_a_stamped_revision_that_does_not_go_down_nothing_is_reached(tmp_path: Path, database: Address) -> None:
    write(tmp_path / "services/stamped/base.sql", BASE)
    found = proofs(tmp_path, {"stamped": stamped(b='op.execute("SELECT 1 / 0")')}, database)
    assert found["s_b"][:2] == ("failed", ["downgrade_failed"])
    for below in ("s_id", "s_a"):
        assert found[below][0] == "not reached"
        assert "s_b above it does not go down" in found[below][2][0]
    assert found["s_e"] == ("proven", [], [])


def test_a_base_that_cannot_be_made_is_told_and_the_other_services_are_proven(
    tmp_path: Path, database: Address
) -> None:
    write(tmp_path / "services/stamped/base.sql", "SELECT nonsense;\n")
    found = proofs(tmp_path, {"stamped": stamped(), "other": Svc(revisions=(Rev(id="o1"),))}, database)
    assert found["s_id"][:2] == ("not reached", ["base_failed"])
    assert found["s_e"][0] == "not reached"
    assert found["o1"][0] == "proven"
