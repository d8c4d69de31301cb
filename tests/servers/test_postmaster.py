"""Processes as Linux tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.servers.postmaster import _look_inside


@pytest.mark.quick
@pytest.mark.parametrize(
    ("link", "program"),
    [("/usr/bin/postgres", "/usr/bin/postgres"), ("/usr/bin/postgres (deleted)", "/usr/bin/postgres"), ("/", "/")],
)
def test_the_program_of_a_process(tmp_path: Path, link: str, program: str) -> None:
    """A program of a mount that is gone is called `/`: runc is one while a container starts."""
    (tmp_path / "cwd").symlink_to(tmp_path)
    (tmp_path / "exe").symlink_to(link)
    assert _look_inside(tmp_path) == (Path(program), tmp_path / "cwd")
