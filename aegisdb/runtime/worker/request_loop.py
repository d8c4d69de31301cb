"""The worker's loop: open once, then one answer a request; or a warm process that forks workers and programs."""

from __future__ import annotations

import os
import signal
import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import files_read
from .channel import Channel
from .error_report import Refusal, describe, file_in
from .lifetime import die_with_parent
from .loaded import note_before_forks

if TYPE_CHECKING:
    from .channel import Message

_FORK = "--fork"
_PROGRAM = b"p"
_COLOURS_OF_MAKO = "mako.ext.pygmentplugin"
_DESCRIPTORS = 3  # requests, answers, and where stdout and stderr go


def main(arguments: list[str]) -> None:
    """Serve one engine."""
    if arguments[0] == _FORK:
        _serve_forks(int(arguments[1]), arguments[2:])
    else:
        _serve(Channel(int(arguments[0]), int(arguments[1])))


def _serve(channel: Channel) -> None:
    # a runner such as `uv run` stands between us and the engine: when it is killed we must go as well
    die_with_parent()
    opening = channel.read()
    if opening is None:
        return
    try:
        alembic_side = load_alembic_side().AlembicSide
        files_read.watch()
        side = alembic_side(channel, opening)
    except BaseException as error:  # noqa: BLE001  env.py's imports may raise anything, SystemExit included
        channel.write({"ok": False, **describe(error, kind="environment")})
        return
    channel.write({"ok": True})
    while True:
        request = channel.read()
        if request is None or request["op"] == "quit":
            return
        _handle(side, channel, request)


def load_alembic_side() -> Any:
    """Import the module that imports Alembic; raises whatever that does.

    Where Pygments is installed, Mako imports all of it to colour its pages about errors, an eighth of the time; without
    it they are plain. Whoever imports Pygments or Mako's plugin afterwards gets them.
    """
    hidden = _COLOURS_OF_MAKO not in sys.modules
    if hidden:
        sys.modules[_COLOURS_OF_MAKO] = None  # type: ignore[assignment]  # importing it raises ImportError
    try:
        return import_module(".alembic_environment", __package__)
    finally:
        if hidden:
            sys.modules.pop(_COLOURS_OF_MAKO, None)


def _handle(side: Any, channel: Channel, request: Message) -> None:
    handlers = {
        "render": side.render,
        "propose": side.propose,
        "attempt": side.attempt,
        "write": side.write,
        "models": side.models,
        "old_code": side.old_code,
        "empty": side.empty,
        "open": side.move,
        "release": side.release,
    }
    side.operation = request["op"]
    try:
        handlers.get(request["op"], side.steps)(request)
    except BaseException as error:  # noqa: BLE001  a revision may raise anything, SystemExit included
        channel.forget()
        channel.write({"ok": False, **_failure(side, error)})
    finally:
        side.stepper.request = None


def _failure(side: Any, error: BaseException) -> Message:
    current = side.stepper.request
    if current is None or "revision" not in current:
        if file := file_in(error, side.script._version_locations):  # noqa: SLF001  of all Alembic versions
            return describe(error, kind="import", path=file) | {"file": file}
        kind = "draft" if side.operation == "attempt" else "environment"
        return describe(error, kind=kind, path=side.script.env_py_location)
    try:
        path = side.script.get_revision(current["revision"]).path
    except BaseException:  # noqa: BLE001  a revision file cannot be imported, of which `error` tells
        file = file_in(error, side.script._version_locations)  # noqa: SLF001  as above
        return describe(error, kind="import", path=file) | {"file": file}
    if isinstance(error, SystemExit):
        error = Refusal(
            "unrecorded", f"it called sys.exit({error.code!r}) and ended without being recorded"
        ).with_traceback(error.__traceback__)
    return {
        **describe(error, kind="revision", path=path),
        "revision": current["revision"],
        "action": current["op"],
        "offline": current.get("offline", False),
    }


def _serve_forks(descriptor: int, modules: list[str]) -> None:
    """Import what every service needs, then fork for each request on the socket: a worker, or a program to run."""
    import gc

    gc.disable()  # nothing that an import makes is garbage: looking for it costs a fifth of the time
    control = socket.socket(fileno=descriptor)
    load_alembic_side()
    for module in modules:
        import_module(module)
    note_before_forks()
    gc.freeze()  # nor do the forks look there, whose pages stay shared
    gc.set_threshold(50_000, 20, 20)  # as tasks do: a worker lives for seconds
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are never waited for: the engine watches their pipes
    while True:
        wanted, descriptors, _, _ = socket.recv_fds(control, 1, _DESCRIPTORS)
        if len(descriptors) != _DESCRIPTORS:
            return
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _settle(descriptors[2])
            if wanted == _PROGRAM:
                from .module_run import become_program

                become_program(*descriptors[:2])
            _become_worker(*descriptors[:2])
        for each in descriptors:
            os.close(each)


def _settle(output: int) -> None:
    """Be the first of a process group, and print into a file of our own."""
    os.setpgid(0, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _become_worker(read_fd: int, write_fd: int) -> None:
    code = 1
    try:
        channel = Channel(read_fd, write_fd)
        channel.write({"event": "started", "pid": os.getpid()})
        _serve(channel)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
