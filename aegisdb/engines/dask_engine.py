"""Dask as an engine; the only module that imports `distributed`, which `pip install 'aegisdb[dask]'` brings.

Measured with distributed 2026.8.0: a task whose worker dies begins again on another worker, also with `retries=0`,
which is about exceptions only; and after three dead workers it fails as KilledWorker. Neither says whether it ended.
"""

from __future__ import annotations

import logging
import signal
import tempfile
import time
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from aegisdb.engines.engine import Engine
from aegisdb.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = 5.0
"""Seconds in which a scheduler answers."""
WORKERS = 30.0
"""Seconds without any worker after which nobody is waited for any more."""


def require_dask() -> None:
    """Look whether Dask is installed.

    Raises:
        UsageError: it is not, or not all that it needs.
    """
    _library()


def _library() -> Any:
    try:
        import cryptography  # noqa: F401  for certificates, which are made late
        import dask

        # a worker that dies is told by us, in one line
        with dask.config.set({"logging.distributed": "critical"}):
            import distributed
    except ImportError as error:
        told = f"--engine needs Dask, which is not installed here: {error}"
        raise UsageError(told, hint="pip install 'aegisdb[dask]'", code="engine_missing") from None
    return distributed


@contextmanager
def cluster(name: str, address: str, workers: int) -> Iterator[Engine]:
    """The workers of the scheduler at this address, or so many of our own on this machine.

    Raises:
        UsageError: Dask is not installed. Unreachable: no scheduler answers, or no worker comes.
    """
    with ExitStack() as ending:
        client = ending.enter_context(_client(address, ending.enter_context(_own(workers)) if workers else None))
        width = _width(client, name)
        # pure=False: Dask takes two calls with the same arguments for one
        executor = client.get_executor(pure=False, retries=0)
        yield Engine(name, executor, width, _Watch(client).alive)


@contextmanager
def _own(workers: int) -> Iterator[Any]:
    """Workers of our own, which end with the block; only who has their certificates can talk to them.

    They do not hear the Ctrl-C of a terminal, which goes to all its processes: who has started them ends them.
    """
    with tempfile.TemporaryDirectory(prefix="aegisdb-dask-") as folder:
        library = _library()
        # who starts the tracker of multiprocessing has SIGINT unblocked by it (CPython 3.11 to 3.13): not our workers,
        # see findings/dask-first-cluster-hears-ctrl-c.sh
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:  # its threads and processes begin as this thread is
            made = library.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                # the scheduler serves HTTP without a dashboard, too: not at a port that another command may have
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                memory_limit=0,
                local_directory=folder,
                security=True,
                silence_logs=logging.CRITICAL,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with made:
            yield made


@contextmanager
def _client(address: str, own: Any) -> Iterator[Any]:
    try:
        made = _library().Client(own if own is not None else address, timeout=ANSWER, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise Unreachable(
            f"no Dask scheduler answers at {address}: {error}", hint="dask scheduler", code="engine_unreachable"
        ) from None
    with made:
        yield made


def _width(client: Any, name: str) -> int:
    """How many calls its workers make at once."""
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError:
        raise Unreachable(
            f"the scheduler of {name} has no workers", hint="dask worker ADDRESS", code="engine_unreachable"
        ) from None
    return sum(client.nthreads().values())


class _Watch:
    """Tells when there have been no workers for so long that none will come."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._seen = time.monotonic()

    def alive(self) -> bool:
        """Whether a worker was there in the last WORKERS seconds."""
        if self._workers():
            self._seen = time.monotonic()
        return time.monotonic() - self._seen < WORKERS

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except Exception:  # noqa: BLE001  whatever a scheduler that is gone makes of it: nobody is there
            return 0
