"""migrate.log as a person uses it: entries, the source that ran, and bringing a lost file back."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table


def project(root: Path, database: Address) -> Path:
    shop = Svc(revisions=(Rev(id="s1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),))
    return build_monorepo(root, {"shop": shop, "crm": Svc(revisions=(Rev(id="c1"),))}, url=database.url())


def test_the_journal_shows_what_was_done_in_order(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    empty = invoke("migrate.log", cwd=tmp_path)
    assert empty.code == 0
    assert "empty" in empty.out
    for words in (("migrate.apply",), ("migrate.reapply", "--service", "shop")):
        assert invoke(*words, cwd=tmp_path).code == 0
    entries = invoke("migrate.log", "--format", "json", cwd=tmp_path).json["result"]["entries"]
    of_shop = [(e["revision"], e["action"], e["outcome"]) for e in entries if e["service"] == "shop"]
    assert of_shop == [("s1", "upgrade", "done"), ("s1", "downgrade", "done"), ("s1", "upgrade", "done")]
    assert all(e["who"] and e["seconds"] is not None and e["started"] for e in entries)
    only = invoke("migrate.log", "--service", "shop", "--last", "1", "--format", "json", cwd=tmp_path)
    assert [(e["service"], e["action"]) for e in only.json["result"]["entries"]] == [("shop", "upgrade")]
    runs = invoke("migrate.log", "--runs", "--format", "json", cwd=tmp_path).json["result"]["entries"]
    assert {e["command"] for e in runs if e["action"] == "run"} == {"migrate.apply", "migrate.reapply"}
    assert invoke("migrate.log", "--last", "0", cwd=tmp_path).code == 2


def test_the_source_that_ran_survives_an_edit_and_a_loss(tmp_path: Path, database: Address) -> None:
    file = project(tmp_path, database) / "services" / "shop" / "alembic" / "versions" / "s1.py"
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = file.read_text()
    file.write_text(ran.replace("shop_items", "shop_things"))
    shown = invoke("migrate.log", "--show", "s1", cwd=tmp_path)
    assert shown.code == 0
    heading, _, source = shown.out.partition("\n")
    assert heading.startswith("# target local")
    assert source == ran
    file.unlink()
    back = ("migrate.log", "--show", "s", "--output", str(file))
    assert invoke(*back, cwd=tmp_path).code == 0
    assert file.read_text() == ran
    again = invoke(*back, cwd=tmp_path)
    assert again.code == 2
    assert "exists" in again.last
    unknown = invoke("migrate.log", "--show", "zz", cwd=tmp_path)
    assert unknown.code == 2
    assert "no source" in unknown.last
