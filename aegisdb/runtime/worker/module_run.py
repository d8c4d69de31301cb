"""A module or a script without starting Python: in a fork of the process that has the heavy imports done."""

from __future__ import annotations

import io
import os
import runpy
import signal
import sys
from typing import TYPE_CHECKING

from .channel import Channel
from .lifetime import die_with_parent

if TYPE_CHECKING:
    from .channel import Message


def become_program(read_fd: int, write_fd: int) -> None:
    """Run the program that is asked for in a child and tell how that ended: Popen's return code. Does not return."""
    die_with_parent()
    channel = Channel(read_fd, write_fd)
    order = channel.read()
    if order is None:
        os._exit(0)
    child = os.fork()
    if child == 0:
        die_with_parent()
        _enter(order)
        # an uncaught SystemExit ends this process as it would end Python: buffers, threads, atexit and all
        if order["script"]:
            runpy.run_path(order["script"], run_name="__main__")
        else:
            runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        sys.exit()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the group's SIGTERM is for the program; its end is told here
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.write({"pid": os.getpid()})
    _, status = os.waitpid(child, 0)
    channel.write({"code": os.waitstatus_to_exitcode(status)})
    os._exit(0)


def _enter(order: Message) -> None:
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = [order["script"] or order["module"], *order["arguments"]]
    if order["mark"] and sys.platform == "linux":
        # others read our environment as it was when the process was made: they find this name among its open files
        os.memfd_create(order["mark"])
    if order["stdin"]:
        sys.stdin = io.StringIO(order["stdin"])
    sys.path.insert(0, order["cwd"])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=True)
