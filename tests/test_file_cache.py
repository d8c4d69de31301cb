"""Files below `.aegisdb/`: every kind, every damage, read by itself. What commands make of it: tests/faults."""

from __future__ import annotations

import ast
import importlib
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

import pytest

import aegisdb
from aegisdb.file_cache import Kind
from tests.damages import DAMAGES
from tests.servers.projects import NOBODY, as_ordinary_user, python
from tests.sources import Source, of_engine


@cache
def kinds() -> dict[str, Kind]:
    """Every kind that any module declares."""
    package = Path(aegisdb.__path__[0])
    for path in sorted(package.rglob("*.py")):
        # this runs whenever tests are collected, and some modules take a second to import
        if Kind.__name__ in path.read_text("utf-8"):
            importlib.import_module(".".join(("aegisdb", *path.relative_to(package).with_suffix("").parts)))
    return Kind.every


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", kinds())
def test_a_damaged_file_counts_as_missing_and_is_written_anew(tmp_path: Path, place: str, damage: str) -> None:
    kept = kinds()[place].file(tmp_path / ".aegisdb", "one", key="k")
    kept.keep_json({"answer": [42]})
    assert kept.read_json() == {"answer": [42]}
    DAMAGES[damage](kept.path)
    assert kept.read_json() is None
    kept.keep_json({"answer": [43]})
    assert kept.read_json() == (None if damage == "a directory" else {"answer": [43]})
    assert {path.name for path in kept.path.parent.iterdir()} - {".gitignore"} == {kept.path.name}


def test_a_file_is_of_one_kind_one_name_and_one_key(tmp_path: Path) -> None:
    one, other = Kind("tests/{name}.json"), Kind("tests-other/{name}.json")
    try:
        kept = one.file(tmp_path, "a", key="k")
        kept.keep_json(1)
        for stranger in (one.file(tmp_path, "b", key="k"), other.file(tmp_path, "a", key="k")):
            stranger.path.parent.mkdir(exist_ok=True)
            stranger.path.write_bytes(kept.path.read_bytes())
            assert stranger.read_json() is None
        assert one.file(tmp_path, "a", key="l").read_json() is None
        assert one.file(tmp_path, "a", key="k").read_json() == 1
    finally:
        del Kind.every[one.place], Kind.every[other.place]


def test_what_cannot_be_written_is_not_kept(tmp_path: Path) -> None:
    state = tmp_path / ".aegisdb"
    state.write_text("in the way, which stops root too")
    for kind in kinds().values():
        kept = kind.file(state, "one")
        kept.keep_json([1])
        assert kept.read_json() is None
    assert state.read_text() == "in the way, which stops root too"


def test_only_this_user_reads_it_and_git_ignores_it(tmp_path: Path) -> None:
    kept = next(iter(kinds().values())).file(tmp_path / ".aegisdb", "one")
    before = os.umask(0)
    try:
        kept.keep_json([1])
    finally:
        os.umask(before)
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert kept.path.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".aegisdb" / ".gitignore").read_text().endswith("*\n")


MAY_WRITE = {
    "files.py": "the one that replaces files",
    "lint/squawk.py": "into a directory of its own that ends with it",
    "proofs/released_state.py": "below a directory that is renamed when it is whole",
    "proofs/script_proof.py": "into a directory of its own that ends with it",
    "runtime/worker/missing_imports.py": "a revision file that was written a moment ago",
    "servers/cluster.py": "below a directory that is renamed when it is whole",
    "servers/program_copies.py": "below a directory that is renamed when it is whole",
    "servers/daemon.py": "the server's log, which is moved away when it is long",
    "workflows/service/add.py": "below a directory that is renamed when it is whole",
}


def test_no_other_module_writes_or_renames_files() -> None:
    writing = {source.place.removeprefix("aegisdb/") for source in of_engine() if _writes(source)}
    assert writing == set(MAY_WRITE)


def _writes(source: Source) -> bool:
    for node in source.nodes(ast.Call):
        if isinstance(node.func, ast.Attribute):
            one_argument = len(node.args) == 1 and not node.keywords
            if node.func.attr in {"write_text", "write_bytes"} or (
                node.func.attr in {"replace", "rename"} and one_argument
            ):
                return True
    return False


_MAKE = "from pathlib import Path\nfrom aegisdb.file_cache import make_state\nmake_state(Path(sys.argv[1]))"


@pytest.mark.parametrize("before", [None, 0o755])
def test_local_state_is_its_owners_alone(before: int | None) -> None:
    """As an ordinary user, and where an earlier build has let others pass; root's server must pass, so 0711 stays."""
    with tempfile.TemporaryDirectory() as open_to_all:
        root = Path(open_to_all)
        if before is not None:
            (root / ".aegisdb").mkdir()
            (root / ".aegisdb").chmod(before)
        for path in (root, *root.iterdir()) if os.geteuid() == 0 else ():
            os.chown(path, NOBODY, NOBODY)
        done = as_ordinary_user(python(_MAKE, str(root / ".aegisdb")))
        if "ModuleNotFoundError" in done.stderr or "PermissionError" in done.stderr:
            pytest.skip("an ordinary user cannot run this Python")
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE((root / ".aegisdb").stat().st_mode) == 0o700
