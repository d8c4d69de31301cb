"""TCP ports of 127.0.0.1: who listens, and one that is free."""

from __future__ import annotations

import socket

_LOOPBACK = "127.0.0.1"


def answers(port: int, *, host: str = _LOOPBACK, timeout: float = 2.0) -> bool:
    """Whether something accepts TCP connections at this address (no name) within `timeout` seconds."""
    try:
        # not create_connection: it looks the address up as a name, for which Python loads the codec of such names, 3 ms
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.settimeout(timeout)
            sock.connect((host, port))
            return True
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Whether a server may listen on 127.0.0.1 here and `localhost` then means nobody else.

    Clients try ::1 first for `localhost`, so a stranger there counts as well.
    """
    with socket.socket() as sock:
        # as PostgreSQL does it: an old connection in TIME_WAIT is no obstacle
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_LOOPBACK, port))
        except OSError:
            return False
    return not answers(port, host="::1", timeout=0.2)


def any_free() -> int:
    """A port that nobody uses right now."""
    with socket.socket() as sock:
        sock.bind((_LOOPBACK, 0))
        return int(sock.getsockname()[1])


def choose(*wished: int) -> int:
    """The first of the wished ports that is free, else any."""
    return next((port for port in wished if port and is_free(port)), None) or any_free()
