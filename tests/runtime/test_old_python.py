"""The worker runs in a service's own environment: Python 3.9 or newer, whatever the suite itself needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import aegisdb.runtime.worker

FILES = sorted(Path(aegisdb.runtime.worker.__file__).parent.rglob("*.py"))
NEWER_WORDS = {"zip": "strict", "dataclass": "kw_only"}
"""Keywords of calls that Python 3.9 refuses."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_python_3_9_can_read_it(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [(call.func.id, word.arg) for call in calls for word in call.keywords if isinstance(call.func, ast.Name)]
    assert not NEWER_WORDS.items() & set(named)
