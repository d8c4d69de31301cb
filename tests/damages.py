"""What may become of a file below `.aegisdb/`: power cuts, full disks, other builds, other people."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path


def _rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return damage


def _instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def _headless(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def _of_build(content: bytes) -> bytes:
    """Change what the first line says of the build; of a file that every build reads, the format."""
    first, _, rest = content.partition(b"\n")
    words = first.split(b" ")
    words[-2] = b"-99" if words[-2].startswith(b"-") else b"0" * 16
    return b" ".join(words) + b"\n" + rest


def _shape(plain: bytes) -> Callable[[bytes], bytes]:
    """Keep the first line: valid data of another shape, as somebody makes it who tries to be helpful."""
    return lambda content: content.partition(b"\n")[0] + b"\n" + plain


def _flipped(content: bytes) -> bytes:
    """Change one letter or digit in the middle: still well-formed, no longer true."""
    body = content.index(b"\n") + 1
    places = [found.start() for found in re.finditer(rb"[a-z0-9]", content) if found.start() >= body]
    place = places[len(places) // 2]
    other = b"1" if content[place : place + 1] == b"0" else b"0"
    return content[:place] + other + content[place + 1 :]


DAMAGES: dict[str, Callable[[Path], None]] = {
    "half": _rewrite(lambda content: content[: len(content) // 2]),
    "empty": _instead(lambda path: path.touch()),
    "zeros": _rewrite(lambda content: bytes(len(content))),
    "garbage": _rewrite(lambda content: b"\xff\x00garbage" + content[::-1]),
    "null": _rewrite(_shape(b"null")),
    "empty list": _rewrite(_shape(b"[]")),
    "empty objects": _rewrite(_shape(b"[{}, {}]")),
    "nested": _rewrite(_shape(b"[" * 100_000)),
    "one letter": _rewrite(_flipped),
    "without its first line": _rewrite(_headless),
    "another build": _rewrite(_of_build),
    "a directory": _instead(lambda path: path.mkdir()),
    "a pipe": _instead(lambda path: os.mkfifo(path)),  # noqa: PLW0108  mypy knows no such function elsewhere
    "unreadable": _instead(lambda path: path.symlink_to(path)),  # root reads whatever has a mode
}


def repair(path: Path, content: bytes) -> None:
    """Put the file back as it was."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(content)
