"""The process in which a service's env.py runs, seen from the engine: start, send, receive, end."""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import AegisError, Failed
from aegisdb.progress import silent
from aegisdb.runtime.news import News
from aegisdb.runtime.worker import HOME

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

_TAIL = 4000  # bytes of captured output that may matter
_ENDING = 5.0  # seconds for a worker that was told to quit


class WorkerEnded(AegisError):
    """The worker is gone without an answer; callers turn this into what it means for them."""


class WorkerTimeout(AegisError):
    """No answer in time."""

    default_code = "timeout"


class Worker:
    """Two pipes and a process; what env.py prints goes to an unnamed temporary file."""

    def __init__(self, home: Path, runner: tuple[str, ...] | None, news: News | None = None) -> None:
        self.backend_pid = 0
        """Server process of env.py's connection, once it is known."""
        self._news = news or News("", silent)
        self._pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
        requests, self._send_fd = os.pipe()
        self._receive_fd, answers = os.pipe()
        try:
            self._start(home, runner, requests, answers)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(requests)
            os.close(answers)

    def _start(self, home: Path, runner: tuple[str, ...] | None, requests: int, answers: int) -> None:
        output = self._output.fileno()
        if runner is None:
            from aegisdb.runtime.forkserver import warm_process

            warm_process().fork(requests, answers, output)
            return
        from aegisdb.processes import start

        argv = [*runners.python(runner, home), str(HOME), str(requests), str(answers)]
        env = runners.environment(runner, home)
        try:
            self._process = start(argv, cwd=home, env=env, pass_fds=(requests, answers), stdout=output, stderr=output)
        except Failed as error:
            raise Failed(error.message, hint=runners.how_to_start(runner), where=str(home), code="runner") from error
        self._pid = self._process.pid

    def send(self, message: dict[str, Any]) -> None:
        """Send one request.

        Raises:
            WorkerEnded: nobody is there to read it.
        """
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._send_fd, data) :]
        except BrokenPipeError:
            raise WorkerEnded("the worker has ended") from None

    def receive(self, timeout: float | None, meanwhile: Callable[[], None] | None = None) -> dict[str, Any]:
        """Wait for the answer; `meanwhile` is called about once a second.

        Raises:
            WorkerEnded: the worker ended first; WorkerTimeout: `timeout` seconds are over.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            message = self._line(deadline, meanwhile)
            if message.get("event") == "started":
                self._pid = message["pid"]
            elif message.get("event") == "connected":
                self.backend_pid = message["backend_pid"]
            elif message.get("event") == "left out":
                self._news.left_out(message["names"])
            elif message.get("event") == "backfill":
                self._news.backfill(message["text"])
                if meanwhile is not None:  # nobody is silent for a second
                    meanwhile()
            else:
                self._news.over()
                return message

    def _line(self, deadline: float | None, meanwhile: Callable[[], None] | None) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            wait = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if wait <= 0:
                raise WorkerTimeout("no answer in time")
            if not select.select([self._receive_fd], [], [], wait)[0]:
                if meanwhile is not None:
                    meanwhile()
                continue
            chunk = os.read(self._receive_fd, 65536)
            if not chunk:
                raise WorkerEnded("the worker has ended")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line.decode())
        return message

    def output(self) -> str:
        """The end of what env.py and the revisions printed."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL))
        return self._output.read().decode(errors="replace").strip()

    def quit(self) -> None:
        """Let it finish by itself; kill it when it does not."""
        deadline = time.monotonic() + _ENDING
        try:
            self.send({"op": "quit"})
            while True:
                self.receive(deadline - time.monotonic())
        except WorkerEnded:
            self._reap()
        except WorkerTimeout:
            self.kill()

    def kill(self) -> None:
        """End it and everything that it started, at once."""
        self.signal()
        self._reap()

    def signal(self) -> None:
        """Kill it and everything that it started; whoever waits for an answer is told that it has ended."""
        if self._pid:
            with suppress(ProcessLookupError, PermissionError):  # gone already
                os.killpg(self._pid, signal.SIGKILL)

    def _reap(self) -> None:
        if self._process is not None:
            from aegisdb.processes import stop

            stop(self._process, grace=_ENDING)
        self._close()

    def _close(self) -> None:
        for descriptor in (self._send_fd, self._receive_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self._send_fd = self._receive_fd = -1
        self._output.close()
