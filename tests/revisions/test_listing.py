"""What a listing keeps of a history, as short commands read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.registry import load
from aegisdb.revisions.cache import KeptSummary, Listing
from aegisdb.revisions.load import read_history
from tests.monorepo import Rev, Svc, build_monorepo


@pytest.mark.parametrize("phase", ["", 'phase = "expand"'])
def test_phases_of_a_kept_history(tmp_path: Path, phase: str) -> None:
    build_monorepo(tmp_path, {"shop": Svc(revisions=(Rev(id="s1"), Rev(id="s2", parent="s1", head=phase)))})
    for file in tmp_path.rglob("versions/*.py"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    registry = load(tmp_path / "services.yaml", {})
    read_history(registry, "shop")
    again = read_history(registry, "shop")
    assert isinstance(again.kept, KeptSummary)
    assert again.phases == again.summary.phases == ({"s2": "expand"} if phase else {})


def test_only_what_is_a_revision_file_is_looked_at(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "__init__.py", ".#a.py", "note.txt", "more/c.py", "__pycache__/a.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    flat = Listing([str(tmp_path)], recursive=False)
    assert [Path(path).name for path in flat.paths] == ["a.py", "b.py"]
    assert [Path(path).name for path in flat.beside[str(tmp_path)]] == [
        ".#a.py",
        "__init__.py",
        "__pycache__",
        "more",
        "note.txt",
    ]
    deep = Listing([str(tmp_path)], recursive=True)
    assert [Path(path).name for path in deep.paths] == ["a.py", "b.py", "c.py"]
