"""Run a command on a terminal of a given size."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass

from tests.invoke import ROOT, environment

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass(frozen=True)
class Screen:
    """What came to the terminal, with and without escape codes."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        return _ESCAPE.sub("", self.raw).replace("\r\n", "\n")


def on_terminal(argv: list[str], *, columns: int, env: Mapping[str, str] | None = None, typed: str = "") -> Screen:
    """Run with stdin, stdout and stderr on a new terminal; `typed` is typed when something is asked."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        env=environment({"TERM": "xterm-256color", **(env or {})}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    if typed:
        os.write(master, typed.encode())
    raw = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: Linux' word for a terminal whose other side is closed
            break
        if not piece:
            break
        raw += piece
    os.close(master)
    return Screen(process.wait(timeout=120), raw.decode(errors="replace"))
