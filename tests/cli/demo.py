"""Tasks that end in every way, run as `python -m tests.cli.demo TASK`: the frame is tested without a database."""

# ruff: noqa: ARG001, FBT001, FBT002 - the shape that Invoke wants of a task, as in tasks/

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program

from aegisdb.cli.task import AegisTask, task
from aegisdb.errors import Dirty, Failed, Interrupted, Problem, StatementFailed, Unreachable
from aegisdb.output import console
from aegisdb.progress import Event
from aegisdb.results import Result

SECRET = "s3cr%t@/x"


@dataclass(frozen=True)
class Row:
    name: str
    state: str
    note: str
    seconds: float
    ok: bool


@dataclass(frozen=True, kw_only=True)
class Rows(Result):
    services: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Echo(Result):
    text: str
    count: int
    ratio: float
    tags: tuple[str, ...]


def _rows() -> Rows:
    rows = [
        Row(name, "✓ at head", "→ a note that is longer than a narrow terminal is wide", 0.0123, ok=True)
        for name in ("identity", "größe", "知识图谱")
    ]
    return Rows(services=tuple(rows))


@task(workspace=False)
def rows(c: Context) -> Result:
    """Rows."""
    return _rows()


@task(
    workspace=False, choices={"kind": ("large", "small")}, positional=("name",), lists=("tag",), help={"tag": "A tag."}
)
def echo(
    c: Context, name: str, kind: str = "small", count: int = 1, ratio: float = 0.5, tag: tuple[str, ...] = ()
) -> Result:
    """Say what came in."""
    return Echo(text=f"{name} {kind}", count=count, ratio=ratio, tags=tag)


@task(workspace=False)
def needs(c: Context, service: str) -> Result:
    """Has a flag without a default."""
    return Echo(text=service, count=0, ratio=0.0, tags=())


@task(workspace=False)
def bug(c: Context) -> Result:
    """Fail in a way that nobody thought of, with a secret in the traceback."""
    url = f"postgresql://aegis:{SECRET}@db/aegis"
    raise ValueError(f"no way to use {url}")


class Unprintable:
    """A value that no view can show."""

    def __str__(self) -> str:
        raise ValueError(f"no way to print postgresql://aegis:{SECRET}@db/aegis")

    __repr__ = __str__


@dataclass(frozen=True, kw_only=True)
class Shown(Result):
    value: Unprintable


@task(workspace=False)
def unprintable(c: Context) -> Result:
    """Return what cannot be printed."""
    return Shown(value=Unprintable())


@task(workspace=False)
def partial(c: Context) -> Result:
    """Fail after something was done."""
    raise Failed("identity 0004 failed; 0001 to 0003 are kept", hint="invoke migrate.apply", result=_rows())


@task(workspace=False)
def statement(c: Context) -> Result:
    """Fail in a statement with a password in it."""
    raise StatementFailed(
        "role exists [42710]", sqlstate="42710", statement=f"CREATE ROLE x\nPASSWORD '{SECRET}'", where="x.sql:3"
    )


@task(workspace=False)
def found(c: Context) -> Result:
    """Find two differences, the graver one first."""
    grave = Problem(code="tampered", message="identity 0002 was changed after it ran", exit_code=6)
    return Rows(services=_rows().services, problems=(grave, Problem(code="drift", message="a column too many")))


@task(workspace=False)
def dirty(c: Context) -> Result:
    """Refuse with a message of two lines."""
    raise Dirty("identity 0003 died half-way\nCREATE INDEX a", where="identity", hint="invoke migrate.resolve")


@task(workspace=False)
def ending(c: Context) -> Result:
    """Be interrupted, and meet the end of a session that was ended for it."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise Unreachable("the server ended the session", code="lost") from None
    raise AssertionError


@task(workspace=False, positional=("directory",))
def sleep(c: Context, directory: str, report: bool = False) -> Result:
    """Wait with a child; leave a file when cleaned up."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        Path(directory, "child").write_text(str(child.pid))
        time.sleep(600)
    except KeyboardInterrupt:
        if report:
            raise Interrupted("identity 0002 rolled back, 0003 not started", result=_rows()) from None
        raise
    finally:
        child.kill()
        child.wait()
        Path(directory, "clean").touch()
    return _rows()


@task(workspace=False)
def slow(c: Context, live: bool = False) -> Result:
    """Take longer than a second, with progress; with `live` until it is on the screen."""
    for number in range(4):
        console.listen(Event(step="upgrade", subject=f"identity 000{number}"))
        time.sleep(0.4)
        while live and number == 3 and console._progress._rows is None:  # noqa: SLF001  importing rich takes its time
            time.sleep(0.05)
        console.listen(Event(step="upgrade", subject=f"identity 000{number}", seconds=0.4, note=f"password={SECRET}"))
    return _rows()


@task(workspace=False)
def asked(c: Context) -> Result:
    """Ask for a typed name."""
    return Echo(text=console.ask("Type the name:"), count=0, ratio=0.0, tags=())


if __name__ == "__main__":
    found_tasks = [value for value in list(globals().values()) if isinstance(value, AegisTask)]
    Program(namespace=Collection(*found_tasks), name="demo").run()
