"""What tests of servers share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def passable_path() -> Iterator[Path]:
    """A directory that everybody may enter, with all that leads to it (pytest's own are private)."""
    made = Path(tempfile.mkdtemp(prefix="aegisdb-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
