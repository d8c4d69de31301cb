"""JSON lines over two file descriptors that only engine and worker know."""

from __future__ import annotations

import json
import os
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end: reads requests, writes answers. What env.py prints goes elsewhere and cannot disturb it."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._in = os.fdopen(read_fd, "rb")
        self._out = os.fdopen(write_fd, "wb", buffering=0)
        self._held: Message | None = None

    def read(self) -> Message | None:
        """Wait for the next request; None when the engine is gone."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        line = self._in.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def put_back(self, message: Message) -> None:
        """Let the next `read` return this one: it is for somebody else."""
        self._held = message

    def forget(self) -> None:
        """Drop what was put back: it has been answered by a failure."""
        self._held = None

    def write(self, message: Message) -> None:
        """Send one answer."""
        self._out.write(json.dumps(message).encode() + b"\n")
