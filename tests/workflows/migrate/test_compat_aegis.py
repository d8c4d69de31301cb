"""AEGIS' own history, one revision of each service at a time: code of the schema before bears them, but for one.

The first round, the one that breaks and the last; AEGIS_ALL_ROUNDS=1 takes all of them.
"""

from __future__ import annotations

import os
import re
import shutil
from itertools import zip_longest
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.registry import load
from aegisdb.revisions.load import good_histories
from tests.invoke import ROOT, invoke
from tests.lint.repository import commit, git
from tests.workflows.migrate.test_compat_table import breaks

SERVICES = {
    "identity": "identity",
    "orchestration-engine": "orchestration",
    "knowledge-graph": "knowledge_graph",
}
FROZEN = """

FROZEN = MetaData()
LOOKED = []
"""
LOOK = """
    if connection is not None and not models.LOOKED:
        models.LOOKED.append(connection)
        models.FROZEN.reflect(connection, only=lambda name, _: name in OWNED_THEN)
        connection.rollback()
"""
BROKEN = [("knowledge-graph 5d9a41c6b8e0", ["knowledge-graph inserts chunks.word_count"])]
_ALL = os.environ.get("AEGIS_ALL_ROUNDS") == "1"
ROWS = """
INSERT INTO users (email, display_name, role, is_active) VALUES
  ('a@example.org', 'A Person', 'analyst', true), ('b@example.org', 'Another', 'viewer', false);
"""


def replayed(root: Path, url: str) -> list[tuple[list[str], str]]:
    """A repository with a commit for each round: one revision of each service that has one more, and the commit before.

    Its models are what the database had when their process began: code of that moment.
    """
    for name in ("services", "sql"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    text = (ROOT / "services.yaml").read_text()
    text = re.sub(r"\n    seeds:\n(?:      .*\n)+", "\n", text)
    text = re.sub(r"default_target: \w+", "default_target: there", text)
    text = text.replace("targets:\n", f'targets:\n  there: {{url: "{url}", gate: [], proof: there}}\n')
    text = text.replace("\n    owns: [users,", "\n    seeds: [{sql: rows.sql, fills: [users]}]\n    owns: [users,")
    (root / "services.yaml").write_text(text)
    (root / "services/identity/rows.sql").write_text(ROWS)
    for name, package in SERVICES.items():
        freeze(root / "services" / name, package)
    histories = good_histories(load(root / "services.yaml", {}))
    ordered = [[(name, revision) for revision in histories[name].ordered()] for name in SERVICES]
    rounds = [[one for one in each if one is not None] for each in zip_longest(*ordered)]
    files = {revision.id: (revision.path, revision.path.read_text()) for each in rounds for _, revision in each}
    for path, _ in files.values():
        path.unlink()
        (path.parent / "none.txt").write_text("git has no empty directories")
    found = []
    for number, each in enumerate(rounds):
        before = commit(root, f"before round {number}")
        for _, revision in each:
            path, source = files[revision.id]
            path.write_text(source)
        found.append(([f"{name} {revision.id}" for name, revision in each], before))
    commit(root, "head")
    return found


def freeze(home: Path, package: str) -> None:
    models = next(
        path for path in (home / package / "models.py", home / package / "models/__init__.py") if path.is_file()
    )
    text = models.read_text()
    models.write_text(
        text
        + ("" if "MetaData," in text or "import MetaData" in text else "\nfrom sqlalchemy import MetaData\n")
        + FROZEN
    )
    env = home / "alembic/env.py"
    text = env.read_text().replace("Base.metadata", "models.FROZEN")
    text = re.sub(rf"(from {package}.models import .*\n)", rf"from {package} import models\n\1", text)
    look = LOOK.replace("OWNED_THEN", "OWNED_TABLES" if "OWNED_TABLES" in text else "OWNED")
    text, count = re.subn(r'(\ndef run\(connection: .*\n    """.*"""\n)', rf"\1{look[1:]}", text)
    assert count == 1
    env.write_text(text)


@pytest.mark.timeout(1800)
def test_one_revision_of_aegis_breaks_the_code_before_it(base_database: Address, tmp_path: Path) -> None:
    root, listed = tmp_path, replayed(tmp_path, base_database.url())
    assert sum(len(revisions) for revisions, _ in listed) > 20
    broken = []
    for at, (revisions, before) in enumerate(listed):
        if not (_ALL or at in {0, len(listed) - 1} or any(revision == revisions[-1] for revision, _ in BROKEN)):
            continue
        after = listed[at + 1][1] if at + 1 < len(listed) else "main"
        git(root, "checkout", "-q", after)
        ran = invoke("migrate.compat", "--against", before, "--format", "json", cwd=root, timeout=300)
        assert ran.json["result"]["revisions"] == revisions, ran.err
        assert [one["error"] for one in ran.json["services"]] == ["", "", ""], ran.err
        assert ran.code in {0, 6}, (revisions, ran.err)
        if ran.code:
            broken.append((revisions[-1], breaks(ran.json)))
        assert sum(one["statements"] for one in ran.json["services"]) > 50, ran.out
    # a column that is NOT NULL and has no default, which code of before does not write
    assert broken == BROKEN
