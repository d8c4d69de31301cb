"""A file is replaced whole or not at all, by whoever, whatever stands in its place."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from aegisdb import files
from aegisdb.files import is_directory, is_file, read_regular, real_path, replace_file


def names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def test_a_new_file_gets_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "new", "text")
        replace_file(tmp_path / "private", b"bytes", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").read_text() == "text"


def test_a_file_that_is_there_keeps_its_mode_and_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    replace_file(path, "new", durable=True)
    found = path.stat()
    assert (found.st_mode & 0o777, path.read_text()) == (0o604, "new")
    assert found.st_uid == (65534 if os.geteuid() == 0 else os.geteuid())


def test_a_link_stays_unless_it_is_what_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    replace_file(link, "new")
    assert (link.is_symlink(), target.read_text()) == (True, "new")
    replace_file(link, "newer", through_link=False)
    assert (link.is_symlink(), target.read_text(), link.read_text()) == (False, "new", "newer")
    assert names(tmp_path / "far") == {"target"}


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("old")

    def refuse(path: Path) -> None:
        assert path.exists()
        raise PermissionError

    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "directory", "new")
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "file", "new", own=refuse)
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == {"directory", "file"}


def test_many_writers_at_once_leave_one_whole_text(tmp_path: Path) -> None:
    path = tmp_path / ("f" * 255)  # as long as a name may be
    texts = [str(number) * 100_000 for number in range(8)]
    seen: list[bytes | None] = []
    writers = [threading.Thread(target=replace_file, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
        seen.append(read_regular(path))
    for writer in writers:
        writer.join()
    whole = {text.encode() for text in texts}
    assert {content for content in [*seen, path.read_bytes()] if content is not None} <= whole
    assert names(tmp_path) == {path.name}


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert read_regular(tmp_path / "pipe") is None
    assert read_regular(tmp_path) is None
    assert read_regular(Path(os.devnull)) is None
    assert read_regular(tmp_path / "missing") is None
    with pytest.raises(OSError, match="symbolic link"):
        read_regular(tmp_path / "loop")


def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "loop").symlink_to("loop")
    names = ("file", "directory", "link", "loop", "nothing", "file/below")
    assert [name for name in names if is_file(tmp_path / name)] == ["file"]
    assert [name for name in names if is_directory(str(tmp_path / name))] == ["directory", "link"]


@pytest.mark.parametrize("told_by_the_kernel", [True, False])
def test_where_a_path_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, told_by_the_kernel: bool) -> None:
    (tmp_path / "directory (deleted)" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("directory (deleted)")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing")
    monkeypatch.chdir(tmp_path)
    if not told_by_the_kernel:
        monkeypatch.setattr(files, "_PATH_ONLY", 0)
    names = ("link", "link/below", "link/../link/below/", "loop", "nowhere", "missing", ".", "directory (deleted)")
    for path in ("/", *names, *(f"{tmp_path}/{name}" for name in names)):
        assert real_path(path) == os.path.realpath(path)
