"""AEGIS' own history, revision by revision: code of the schema before each of them bears it, but for one."""

from __future__ import annotations

import re
import shutil
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
BROKEN = {"5d9a41c6b8e0": ["knowledge-graph inserts chunks.word_count"]}
ROWS = """
INSERT INTO users (email, display_name, role, is_active) VALUES
  ('a@example.org', 'A Person', 'analyst', true), ('b@example.org', 'Another', 'viewer', false);
"""


def replayed(root: Path, url: str) -> list[tuple[str, str, str]]:
    """A repository with a commit for each revision: (service, revision, commit before it).

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
    order = [(name, revision) for name in SERVICES for revision in histories[name].ordered()]
    files = {revision.id: (revision.path, revision.path.read_text()) for _, revision in order}
    for path, _ in files.values():
        path.unlink()
        (path.parent / "none.txt").write_text("git has no empty directories")
    found = []
    for name, revision in order:
        before = commit(root, f"before {revision.id}")
        path, source = files[revision.id]
        path.write_text(source)
        found.append((name, revision.id, before))
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


@pytest.fixture
def steps(base_database: Address, tmp_path: Path) -> tuple[Path, list[tuple[str, str, str]]]:
    return tmp_path, replayed(tmp_path, base_database.url())


@pytest.mark.timeout(1800)
def test_one_revision_of_aegis_breaks_the_code_before_it(steps: tuple[Path, list[tuple[str, str, str]]]) -> None:
    root, listed = steps
    assert len(listed) > 20
    broken = {}
    for at, (service, revision, before) in enumerate(listed):
        after = listed[at + 1][2] if at + 1 < len(listed) else "main"
        git(root, "checkout", "-q", after)
        ran = invoke("migrate.compat", "--against", before, "--format", "json", cwd=root, timeout=300)
        assert ran.json["result"]["revisions"] == [f"{service} {revision}"], ran.err
        assert [one["error"] for one in ran.json["services"]] == ["", "", ""], ran.err
        assert ran.code in {0, 6}, (revision, ran.err)
        if ran.code:
            broken[revision] = breaks(ran.json)
        assert sum(one["statements"] for one in ran.json["services"]) > 50, ran.out
    # a column that is NOT NULL and has no default, which code of before does not write
    assert broken == BROKEN
