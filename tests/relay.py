"""A port of this machine that leads to another one, as a tunnel or a pooler does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def relay(port: int, *, deaf: bool = False) -> Iterator[int]:
    """Lead a new port to this one; `deaf`: go on holding the far end when the near one has gone."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            if not deaf:
                sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other direction has ended both
            return

    def serve() -> None:
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            opened.extend((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        for each in (listener, *opened):
            each.close()
