"""How far a stage is: a row that changes on a terminal, a line now and then in a log, and events in a file."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from aegisdb.errors import UsageError
from aegisdb.progress import OFTEN, Event, silent
from aegisdb.workflows.rollout.claims import REVERTED, WAITS
from aegisdb.workflows.rollout.result import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aegisdb.progress import Listener

SESSIONS = 3
"""What one member's turn may have on its server."""
_MINUTE = 60
_WELL = ENDED | {REVERTED}


class EventLog:
    """Events of one rollout as JSON lines, each written at once; without a file nothing is written."""

    def __init__(self, rollout: str, file: TextIO | None, listen: Listener = silent) -> None:
        self._rollout = rollout
        self._file = file
        self._listen = listen

    def tell(self, event: str, **facts: object) -> None:
        """Write one event: "stage" or "rollout" with its state, "member" with its stage and state.

        A file that takes no more (a full disk, a reader that went away) ends the events, not the rollout.
        """
        if self._file is None:
            return
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            self._file.write(json.dumps({"time": when, "event": event, "rollout": self._rollout, **facts}) + "\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            self._listen(Event(step="events", note=f"are not written any more: {error.strerror}", seconds=0.0))


@contextmanager
def event_log(rollout: str, path: str, listen: Listener) -> Iterator[EventLog]:
    """Append to the file of that path, which may be a pipe; an empty path is no file.

    Raises:
        UsageError: it cannot be written.
    """
    if not path:
        yield EventLog(rollout, None)
        return
    try:
        # a pipe that nobody reads would wait for a reader
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UsageError(
            f"--events: {path} cannot be written: {error.strerror}", hint="name a file in a directory that exists"
        ) from None
    os.set_blocking(number, True)
    file = os.fdopen(number, "w", encoding="utf-8")
    try:
        yield EventLog(rollout, file, listen)
    finally:
        with suppress(OSError):  # what is left could not be written when it was told
            file.close()


class TurnsInThreads:
    """Progress of turns that are taken by threads, each on a server."""

    def __init__(self, progress: StageProgress, servers: Mapping[str, int]) -> None:
        self._progress = progress
        self._servers = servers
        self._running: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, member: str) -> Iterator[Callable[[str], None]]:
        """A member's turn; the block tells its state when it has ended."""
        server, began = self._servers[member], time.monotonic()
        with self._lock:
            self._running[server] += 1
            self._progress.began(member, *self._busy())

        def ended(state: str) -> None:
            seconds = round(time.monotonic() - began, 3)
            with self._lock:
                self._running[server] -= 1
                self._progress.ended(member, state, seconds, *self._busy())

        yield ended

    def _busy(self) -> tuple[int, int]:
        return self._running.total(), max(self._running.values(), default=0)

    def over(self) -> None:
        """Tell how all of it has ended."""
        self._progress.over()


class StageProgress:
    """Progress of one stage of so many members."""

    def __init__(self, listen: Listener, events: EventLog, stage: str, members: int) -> None:
        self._listen = listen
        self._events = events
        self._stage = stage
        self._members = members
        self._done = self._failed = 0
        self._began = time.monotonic()
        self._told = self._began + OFTEN  # a step that takes so long is told of by itself
        if members:
            events.tell("stage", stage=stage, state="begun", members=members)

    def began(self, member: str, running: int, busiest: int) -> None:
        """Tell of a turn that begins: so many run, so many of them on the server that has most."""
        self._events.tell("member", stage=self._stage, member=member, state="begun")
        self._show(running, busiest)

    def ended(self, member: str, state: str, seconds: float | None, running: int, busiest: int) -> None:
        """Tell of a turn that has ended; one that did not go well has a line of its own."""
        self._events.tell("member", stage=self._stage, member=member, state=state, seconds=seconds)
        if state in _WELL:
            self._done += 1
        elif state != WAITS:  # else somebody wants the rollout to stop
            self._failed += 1
            self._listen(Event(step="member", subject=member, note=state, seconds=seconds or 0.0))
        self._show(running, busiest)

    def over(self) -> None:
        """Tell how the stage has ended."""
        if self._members:
            seconds = time.monotonic() - self._began
            self._listen(Event(step="stage", subject=self._stage, note=self._counts(), seconds=seconds))
            self._events.tell("stage", stage=self._stage, state="ended", done=self._done, failed=self._failed)

    def _counts(self) -> str:
        failed = f", {self._failed} not done" if self._failed else ""
        return f"{self._done} of {self._members} done{failed}"

    def _show(self, running: int, busiest: int) -> None:
        now = time.monotonic()
        at_work = f", {running} running (at most {busiest * SESSIONS} sessions on a server)" if running else ""
        note = f"{self._counts()}{at_work}{self._left(now)}"
        self._listen(Event(step="stage", subject=self._stage, note=note))
        if now - self._told >= OFTEN:
            self._told = now
            self._listen(Event(step="stage", subject=f"{self._stage}: {note}", seconds=now - self._began))

    def _left(self, now: float) -> str:
        """How long it will take at the speed so far."""
        ended = self._done + self._failed
        left = (now - self._began) / ended * (self._members - ended) if ended else 0.0
        if left < 1:
            return ""
        return f", about {left / _MINUTE:.0f} min left" if left >= 2 * _MINUTE else f", about {left:.0f} s left"
