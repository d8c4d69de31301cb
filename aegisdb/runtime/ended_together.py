"""Sessions of several threads that Ctrl-C, or the end of what they are for, ends together."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError

if TYPE_CHECKING:
    from aegisdb.runtime.session import Session


class EndedTogether:
    """Called with each session when it is made."""

    def __init__(self) -> None:
        self._sessions: list[Session] = []
        self._stopped = threading.Event()

    def __call__(self, session: Session) -> None:
        """Take it up; its thread ends where the others have been stopped."""
        self._sessions.append(session)
        if self._stopped.is_set():
            raise KeyboardInterrupt

    def stop(self) -> None:
        """End all of them."""
        self._stopped.set()
        for session in self._sessions:
            with suppress(AegisError):  # the session that looks may have ended with its database: the others still run
                session.abort()
