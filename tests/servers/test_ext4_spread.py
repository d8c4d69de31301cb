"""Databases of the embedded server do not crowd into one corner of an ext4 disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aegisdb.progress import silent
from aegisdb.servers.ext4_spread import spread
from tests.servers.projects import data_of, embedded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a hint to file systems of Linux")


def attributes(directory: Path) -> str:
    """What lsattr says of it, asked by others than ourselves."""
    done = subprocess.run(["lsattr", "-d", str(directory)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the file system below {directory} has no attributes: {done.stderr.strip()}")
    return done.stdout.split()[0]


def test_a_directory_gets_the_attribute_once(tmp_path: Path) -> None:
    before = attributes(tmp_path)
    assert "T" not in before
    if not spread(tmp_path):
        pytest.skip("the file system has no such attribute")
    assert set(attributes(tmp_path)) - set(before) == {"T"}
    assert spread(tmp_path)
    assert set(attributes(tmp_path)) - set(before) == {"T"}


def test_a_file_system_without_it_is_left_alone() -> None:
    assert spread(Path("/proc/self")) is False


def test_a_hint_that_cannot_be_given_stops_nobody(tmp_path: Path) -> None:
    assert spread(tmp_path / "not there") is False


def test_databases_of_the_embedded_server_are_spread_also_where_they_were_made_before(tmp_path: Path) -> None:
    (probe := tmp_path / "probe").mkdir()
    if not spread(probe):
        pytest.skip("the file system has no such attribute")
    server = embedded(tmp_path)
    try:
        server.start(silent)
        base = data_of(tmp_path) / "base"
        assert "T" in attributes(base)
        server.stop()
        subprocess.run(["chattr", "-T", str(base)], check=True)
        server.start(silent)
        assert "T" in attributes(base)
    finally:
        server.stop(destroy=True)
