"""What a history's env.py tells Alembic, and where its configuration is."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import Failed, TimedOut, UsageError
from aegisdb.plain_text import exception_line
from aegisdb.runtime.worker import HOME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.runtime.forkserver import WarmProcess

_PROBE = HOME / "env_probe.py"
_PROBE_MODULE = "_aegisdb_worker.env_probe"
_DEADLINE = 120.0
_SCRIPT_LOCATION = re.compile(r"^script_location\s*[=:]", re.MULTILINE)
NEVER_CONFIGURED = "env.py ended without calling context.configure()"
"""What the probe says of an env.py that raises nothing and tells Alembic nothing."""


def configuration(home: Path) -> Path:
    """The ini file, or a pyproject.toml with [tool.alembic], or the env.py of a history without either.

    Raises:
        UsageError: there is none of them.
    """
    for candidate in (home / "alembic.ini", *sorted(home.glob("*/alembic.ini"))):
        if candidate.is_file():
            return candidate
    if has_alembic_table(home / "pyproject.toml"):
        return home / "pyproject.toml"
    for candidate in (home / "env.py", *sorted(home.glob("*/env.py"))):
        if (candidate.parent / "versions").is_dir():
            return candidate
    raise UsageError(
        f"{home.name} has no alembic.ini, no [tool.alembic] in pyproject.toml, no env.py beside a versions folder",
        hint="--script-location package:directory adopts that of an installed package, invoke service.add writes one",
        code="no_history",
    )


def has_alembic_table(pyproject: Path) -> bool:
    """Whether this pyproject.toml configures Alembic."""
    return pyproject.is_file() and "[tool.alembic]" in pyproject.read_text(encoding="utf-8", errors="replace")


def is_beside(config: Path) -> bool:
    """Whether this ini file says nothing of a script location and stands beside env.py, as Flask-Migrate makes it."""
    if config.suffix != ".ini" or not (config.parent / "env.py").is_file():
        return False
    return not _SCRIPT_LOCATION.search(config.read_text(encoding="utf-8", errors="replace"))


def describe_history(
    home: Path,
    config: Path | str,
    runner: tuple[str, ...],
    places: Sequence[str] = (),
    warm: WarmProcess | None = None,
) -> dict[str, Any]:
    """What env.py tells Alembic, from a run of it without a database, in a process of its own (worker/env_probe.py).

    `places` of its application get a canary each, and the one that comes back is told. With a `warm` process it is a
    fork of that, for a service without a runner.

    Raises:
        Failed: it does not run.
    """
    request = _request(home, config, places)
    failed, answer, said = _forked(warm, home, request) if warm else _started(home, runner, request)
    if failed:
        last = exception_line(said)
        raise Failed(
            f"env.py of {home.name} does not run: {last}",
            hint=_way_to_run(last, home, runner),
            where=_raised_at(said) or str(config),
            code="environment",
        )
    found: dict[str, Any] = json.loads(answer)
    return found


def _request(home: Path, config: Path | str, places: Sequence[str]) -> dict[str, Any]:
    request: dict[str, Any] = {"home": str(home), "places": list(places)}
    if isinstance(config, str):
        request["script_location"] = config
    elif config.suffix == ".ini":
        request["file_"] = str(config)
    if isinstance(config, str):
        pass  # the package says the rest
    elif config.name == "env.py" or is_beside(config):
        request["script_location"] = str(config.parent)
    elif has_alembic_table(home / "pyproject.toml"):  # `alembic init -t pyproject` has both, and Alembic reads both
        request["toml_file"] = str(home / "pyproject.toml")
    return request


def _started(home: Path, runner: tuple[str, ...], request: dict[str, Any]) -> tuple[int, str, str]:
    """Exit code, answer, and what env.py printed."""
    from aegisdb.processes import run

    argv = [*runners.python(runner, home), str(_PROBE)]
    environment = runners.environment(runner, home)
    done = run(argv, cwd=home, env=environment, stdin=json.dumps(request), timeout=_DEADLINE)
    return done.returncode, done.stdout, done.stderr


def _forked(warm: WarmProcess, home: Path, request: dict[str, Any]) -> tuple[int, str, str]:
    """Describe as `_started` does, without a start of Python."""
    from aegisdb.runtime.forkserver import Program

    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        stdin = json.dumps({**request, "answer": str(answer)})
        program = Program(module=_PROBE_MODULE, stdin=stdin)
        child = warm.run(program, home, runners.environment(None, home), output.fileno())
        try:
            code = child.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"env.py of {home.name} did not end within {_DEADLINE:g} s and was stopped") from None
        finally:
            child.stop()
        output.seek(0)
        return code, "" if code else answer.read_text("utf-8"), output.read().decode(errors="replace")


def _way_to_run(last: str, home: Path, runner: tuple[str, ...]) -> str:
    if last == NEVER_CONFIGURED:
        return "call context.configure() on each way through it, offline and online"
    if "application context" in last:
        return (
            "`flask db` runs it in one; let it push one where there is none: `from flask import has_app_context`,"
            " `if not has_app_context(): app.app_context().push()`, with the application that FLASK_APP names"
        )
    if not last.startswith(("ModuleNotFoundError", "ImportError")):
        return "it raises by itself: give it what it asks for (variables, a file of settings), then try again"
    return runners.how_to_install(runner, home) if runner else "--runner 'poetry run' says where its own is"


def _raised_at(stderr: str) -> str:
    """File and line where the error was raised."""
    places = re.findall(r'^  File "([^"]+)", line (\d+)', stderr, re.MULTILINE)
    return ":".join(places[-1]) if places else ""
