"""Services that do not know of each other, applied side by side: each in a thread that waits for its worker.

What comes out is what one after the other gives. A revision that fails while others run counts for nothing: it has
been rolled back, and is tried again alone, in its turn. Only then its failure is the truth.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Busy, RevisionFailed
from aegisdb.runtime.failures import RevisionTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_results import StepDone


@dataclass
class _Lane:
    """A service of the run."""

    history: History
    left: list[Revision]
    alone: bool
    """Whether it runs only when nothing else does and all before it is done."""
    thread: threading.Thread | None = None
    done: bool = False


@dataclass(frozen=True)
class _Ended:
    service: str
    error: BaseException | None = None


class Lanes:
    """A run of several services; `upgrade` may be iterated once.

    `session_of` gives a service's session, started if it is not; `waiting` says for which services before it each one
    waits; `width` is how many work at once.
    """

    def __init__(
        self,
        todo: Sequence[tuple[History, tuple[Revision, ...]]],
        waiting: Mapping[str, frozenset[str]],
        session_of: Callable[[History], Session],
        width: int,
    ) -> None:
        names = [history.service for history, _ in todo]
        self._waiting = waiting
        self._session_of = session_of
        self._width = width
        self._lanes = {
            history.service: _Lane(history, list(steps), _waits_for_all(history.service, names, waiting))
            for history, steps in todo
        }
        self._at_work: dict[str, _Lane] = {}
        """Lanes that have a thread."""
        self._told: queue.SimpleQueue[StepDone | _Ended] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failed: tuple[str, BaseException] | None = None

    @property
    def at_work(self) -> tuple[str, ...]:
        """The service whose revision failed, else those whose next revision has been begun and is not done."""
        return (self._failed[0],) if self._failed else tuple(self._at_work)

    def upgrade(self) -> Iterator[StepDone]:
        """Do all steps; each is yielded when it is committed.

        Raises:
            what `Session.upgrade_one` raises, once the other services have ended their present revision.
        """
        self._start_what_may()
        while self._at_work:
            told = self._told.get()
            lane = self._lanes[told.service]
            if not isinstance(told, _Ended):
                lane.left.pop(0)
                yield told
                continue
            lane.thread = None
            del self._at_work[told.service]
            self._settle(lane, told.error)
            if self._failed is None:
                self._start_what_may()
        if self._failed is not None:
            raise self._failed[1]

    def stop(self) -> None:
        """End every worker in the middle of its revision, and wait until the server has rolled it back."""
        self._stopping.set()
        for lane in self._at_work.values():
            self._session_of(lane.history).interrupt()
        for lane in self._at_work.values():
            if lane.thread is not None:
                lane.thread.join()

    def _settle(self, lane: _Lane, error: BaseException | None) -> None:
        if error is None:
            lane.done = not lane.left
        elif not lane.alone and isinstance(error, RevisionFailed | Busy) and not isinstance(error, RevisionTimedOut):
            lane.alone = True
        elif self._failed is None:
            self._failed = (lane.history.service, error)
            self._stopping.set()

    def _start_what_may(self) -> None:
        all_done = True
        for lane in self._lanes.values():
            running = len(self._at_work)
            if lane.alone and not lane.done:
                if all_done and not running:
                    self._start(lane)
                return  # what comes after it waits until it is settled
            if lane.thread is None and not lane.done:
                if running == self._width:
                    self._session_of(lane.history)  # its models load while the others work
                    return
                if all(self._lanes[name].done for name in self._waiting[lane.history.service]):
                    self._start(lane)
            all_done = all_done and lane.done

    def _start(self, lane: _Lane) -> None:
        session = self._session_of(lane.history)
        name = f"apply {lane.history.service}"
        lane.thread = threading.Thread(target=self._work, args=(session, tuple(lane.left)), name=name, daemon=True)
        self._at_work[lane.history.service] = lane
        lane.thread.start()

    def _work(self, session: Session, steps: tuple[Revision, ...]) -> None:
        service = session.history.service
        try:
            for revision in steps:
                if self._stopping.is_set():
                    break
                self._told.put(session.upgrade_one(revision.id))
            else:
                session.close()
        except BaseException as error:  # noqa: BLE001  it is raised again by the thread that listens
            self._told.put(_Ended(service, error))
        else:
            self._told.put(_Ended(service))


def _waits_for_all(name: str, names: Sequence[str], waiting: Mapping[str, frozenset[str]]) -> bool:
    place = names.index(name)
    return waiting[name].issuperset(names[:place]) and all(name in waiting[later] for later in names[place + 1 :])
