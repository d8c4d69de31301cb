"""`migrate.roundtrip --with-data` starts from the released state: the merge base's own files out of git, and its rows."""

# ruff: noqa: E501, S608  a revision reads best on one line; the SQL is ours
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write, write_revision


def sql(*statements: str) -> str:
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


S1 = Rev(id="s1", up=table("seeded_t", "name text"), down=sql("DROP TABLE seeded_t"))
SEED = "INSERT INTO seeded_t (id, name) SELECT g, 'n' || g FROM generate_series(1, 3) g;"
MORE = {"seeds": [{"sql": "seed.sql", "fills": ["seeded_t"]}]}
ADD_C = Rev(id="s2", up=sql("ALTER TABLE seeded_t ADD c int NOT NULL"), down=sql("ALTER TABLE seeded_t DROP c"))


@pytest.fixture
def released(database: Address, tmp_path: Path) -> Path:
    """A repository whose main has s1 and three rows, with a branch checked out."""
    root = build_monorepo(tmp_path, {"seeded": Svc(revisions=(S1,), more=MORE)}, url=database.url())
    write(root / "services/seeded/seed.sql", SEED)
    commit(root, "released")
    git(root, "switch", "-q", "-c", "feature")
    return root


def add(root: Path, *revisions: Rev, parent: str = "s1", service: str = "seeded") -> None:
    for revision in revisions:
        write_revision(root / "services" / service, revision, parent)
        parent = revision.id


def prove(root: Path, *flags: str) -> Ran:
    return invoke("migrate.roundtrip", "--with-data", "--format", "json", *flags, cwd=root)


def proof(ran: Ran, revision: str) -> dict[str, Any]:
    return next(p for s in ran.json["services"] for p in s["revisions"] if p["revision"] == revision)


def test_a_column_that_old_rows_cannot_fill_is_the_revisions_own_fault(released: Path) -> None:
    add(released, ADD_C)
    # the new seed fills it, so the seeded new head has no such rows
    write(
        released / "services/seeded/seed.sql", "INSERT INTO seeded_t (id, c) SELECT g, g FROM generate_series(1, 3) g;"
    )
    ran = prove(released, "--all")
    assert ran.code == 6
    assert ran.json["result"]["rows"].startswith("rows of the released state: main (merge base ")
    (found,) = proof(ran, "s2")["findings"]
    assert found["code"] == "released_upgrade_failed"
    assert 'column "c" of relation "seeded_t" contains null values' in found["detail"]
    assert proof(ran, "s1")["rows_lost"] == {"public.seeded_t": 3}


def test_new_revisions_are_proven_one_on_top_of_the_other_on_released_rows(released: Path) -> None:
    add(
        released,
        Rev(id="s2", up=sql("ALTER TABLE seeded_t ADD c text", "UPDATE seeded_t SET c = name"), down=sql("ALTER TABLE seeded_t DROP c")),
        Rev(id="s3", up=sql("ALTER TABLE seeded_t ALTER c SET NOT NULL"), down=sql("ALTER TABLE seeded_t ALTER c DROP NOT NULL", "DELETE FROM seeded_t WHERE id > 1")),
        Rev(id="s4", up=sql("SELECT 1 / count(*) FROM seeded_t WHERE id > 9"), down="pass"),
        Rev(id="s5"),
    )  # fmt: skip
    ran = prove(released, "--all")
    assert proof(ran, "s2")["findings"] == []
    # the upgrade fills it again, from the released names
    assert proof(ran, "s2")["values_lost"] == {}
    assert [f["detail"] for f in proof(ran, "s3")["findings"]] == ["public.seeded_t: 3 rows, 1 after"]
    assert "division by zero" in proof(ran, "s4")["findings"][-1]["detail"]
    assert (
        "with data: not reached, seeded s4 before it does not apply to the released rows" in proof(ran, "s5")["notes"]
    )


def test_a_new_service_and_a_deploy_file_go_on_top_of_released_rows(released: Path) -> None:
    text = (released / "services.yaml").read_text()
    other = released / "other"
    build_monorepo(other, {"added": Svc(revisions=(), schema="own")})
    (other / "services/added").rename(released / "services/added")
    more = '"added": {"path": "services/added", "schema": "own", "alembic": {"version_table": "alembic_version_added"}, "owns": ["added_*"]},'
    text = text.replace('"services": {', '"services": {' + more).replace('"init": []', '"init": [], "deploy": "deploy"')
    write(released / "services.yaml", text)
    write(released / "deploy/1.sql", "CREATE TABLE IF NOT EXISTS deployed_t (id int);")
    add(released, Rev(id="a1", up=table("added_t", "t bigint REFERENCES public.seeded_t"), down=sql("DROP TABLE added_t")), parent="", service="added")  # fmt: skip
    add(
        released,
        Rev(id="s2", up=sql("INSERT INTO deployed_t SELECT id FROM seeded_t"), down=sql("DELETE FROM deployed_t")),
    )
    ran = prove(released, "--service", "added", "--all")
    assert (ran.code, proof(ran, "a1")["status"]) == (0, "proven"), ran.err
    ran = prove(released, "--service", "seeded", "--last", "1")
    assert (ran.code, proof(ran, "s2")["status"]) == (0, "proven"), ran.err


def test_seeds_run_with_the_merge_bases_own_code_and_the_environment_of_now(released: Path) -> None:
    home = released / "services/seeded"
    git(released, "switch", "-q", "main")
    runner = '"runner": [".venv/bin/python"], "seeds": [{"module": "seed_rows", "fills": ["seeded_t"]}]'
    text = (released / "services.yaml").read_text()
    start = text.index('"seeds": [')
    write(released / "services.yaml", text[:start] + runner + text[text.index("]\n    }", start) + 1 :])
    rows = "import os, psycopg\nfrom rows import ROWS\nwith psycopg.connect(os.environ['DATABASE_URL']) as conn:\n"
    write(
        home / "seed_rows.py",
        rows + "    for row in ROWS:\n        conn.execute('INSERT INTO seeded_t (id) VALUES (%s)', (row,))\n",
    )
    write(home / "rows.py", "ROWS = range(7)\n")
    write(home / ".gitignore", ".venv\n")  # as where each checkout has its own
    commit(released, "a seed in Python")
    git(released, "switch", "-q", "-c", "other")
    write(home / "rows.py", "ROWS = ['no number']\n")
    link_interpreter(home)
    add(released, ADD_C)
    ran = prove(released, "--all")
    assert proof(ran, "s1")["rows_lost"] == {"public.seeded_t": 7}, ran.err
    assert proof(ran, "s2")["findings"][0]["code"] == "released_upgrade_failed"


def link_interpreter(home: Path) -> None:
    write(home / ".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n').chmod(0o755)


def test_without_a_released_state_the_seeds_run_at_the_new_heads_and_that_is_told(released: Path) -> None:
    add(released, Rev(id="s2"))
    (released / "services/seeded/alembic/versions/s1.py").write_text(
        (released / "services/seeded/alembic/versions/s1.py").read_text().replace("revision = 's1'", "revision = 's0'")
    )
    (released / "services/seeded/alembic/versions/s2.py").unlink()
    ran = prove(released, "--all")
    merge_base = git(released, "rev-parse", "main")[:10]
    assert (ran.code, ran.json["result"]["rows"]) == (
        0,
        f"rows of the seeds at the new heads: seeded has no s1 any more, which main (merge base {merge_base}) applies",
    )
    git(released, "branch", "-q", "-m", "main", "trunk")
    assert (
        prove(released, "--all").json["result"]["rows"].endswith("git knows no merge base with a default branch here")
    )


def test_the_checkout_and_its_index_stay_as_they_are(released: Path) -> None:
    add(released, ADD_C)
    git(released, "add", "services/seeded/alembic/versions/s2.py")
    before = git(released, "status", "--porcelain")
    prove(released, "--all")
    assert git(released, "status", "--porcelain") == before
