"""Servers that answer as no good one does, on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres_server import free_port
from tests.running import eventually
from tests.seeds.shop import listening

Script = Callable[[], Iterable[bytes]]
"""Makes the parts of an answer; a pause is the script's own sleep."""

APP = """\
import asyncio

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"application/json")]
    if scope["path"].startswith("/length"):
        headers.append((b"content-length", b"100000"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(60):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(1)
"""
"""Sends a byte a second for a minute; below /length it announces how many."""


@contextmanager
def raw_server(script: Script) -> Iterator[int]:
    """Answer every connection with the script's bytes, whatever it asks; hang up at their end. Yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, script), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, script: Script) -> None:
    with suppress(OSError):  # closed: the test is over
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=_answer, args=(conn, script), daemon=True).start()


def _answer(conn: socket.socket, script: Script) -> None:
    with conn, suppress(OSError):  # the client hung up, which these tests are about
        conn.recv(65536)
        for part in script():
            conn.sendall(part)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(1)


def slowly(text: bytes, *, seconds: float = 0.1) -> Iterator[bytes]:
    """One byte after the other."""
    for number in range(len(text)):
        yield text[number : number + 1]
        time.sleep(seconds)


@contextmanager
def uvicorn(folder: Path, app: str = APP) -> Iterator[int]:
    """A real uvicorn that serves `app` from a file in the folder; yields its port."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stranger_app.py").write_text(app)
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "stranger_app:app", "--port", str(port), "--log-level", "critical"]
    with subprocess.Popen(argv, cwd=folder) as process:
        try:
            assert eventually(lambda: listening(port))
            yield port
        finally:
            process.kill()
