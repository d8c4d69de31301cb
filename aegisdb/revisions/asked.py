"""Ids and labels that only running a revision file tells: asked of the service's own environment, in one process."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from aegisdb import runners
from aegisdb.errors import HistoryError
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE = 120.0
_ASK = """
import importlib.util, json, os, sys, sysconfig
sys.dont_write_bytecode = True  # a folder that has just changed would be asked about once more
told = sys.stdout
sys.stdout = sys.stderr
sys.path.insert(0, sys.argv[1])
fields, paths = json.load(sys.stdin)
found, read = [], set()

def heard(event, args):
    if event == "open" and isinstance(args[0], str) and "r" in (args[1] or ""):
        read.add(os.path.abspath(args[0]))

sys.addaudithook(heard)
for number, path in enumerate(paths):
    try:
        spec = importlib.util.spec_from_file_location("_aegisdb_asked_%d" % number, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        values = {name: getattr(module, name, None) for name in fields}
        plain = {n: sorted(v) if isinstance(v, (set, frozenset)) else v for n, v in values.items()}
        json.dumps(plain)
        found.append(plain)
    except BaseException as error:
        found.append("%s: %s" % (type(error).__name__, error))
read |= {os.path.abspath(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)}
library = sysconfig.get_path("stdlib") + os.sep
own = lambda path: not path.startswith(library) or "-packages" + os.sep in path + os.sep
# what is put there later may be imported then
read = {path for path in read if not path.endswith(".pyc") and os.path.isfile(path)}
read |= {os.path.abspath(path) for path in sys.path if os.path.isdir(path)}
told.write(json.dumps([found, sorted(path for path in read if own(path))]))
"""


class Asked(NamedTuple):
    """The values that the files give, and what these rest on."""

    values: dict[str, dict[str, Any]]
    """Path of a file to its values by name."""
    read: tuple[str, ...]
    """Files that were imported or read for it, without those of Python itself, and folders where modules are found."""


def asked(home: Path, runner: tuple[str, ...] | None, fields: Sequence[str], paths: Sequence[str]) -> Asked:
    """The values of these names by path, from importing the files.

    Raises:
        HistoryError: a file cannot be imported, or its value is no text.
    """
    request = json.dumps([list(fields), list(paths)])
    argv = [*runners.python(runner, home), "-c", _ASK, str(home)]
    done = run(argv, cwd=home, env=runners.environment(runner, home), stdin=request, timeout=_PATIENCE)
    told = json.loads(done.stdout) if done.returncode == 0 and done.stdout else None
    answers, read = told or ([_last(done.stderr)] * len(paths), ())
    found = dict(zip(paths, answers, strict=True))
    for path, answer in found.items():
        if isinstance(answer, str):
            raise HistoryError(
                f"{path.rpartition('/')[2]} has ids that are not literals, and it cannot be imported: {answer}",
                where=path,
                hint="write its ids and labels out, or let it be imported in the service's environment",
            )
    # each revision file stands for itself; another machine's paths say nothing here
    return Asked(found, tuple(path for path in read if path not in found and os.path.exists(path)))  # noqa: PTH110  many


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]
