"""Ids and labels that only running a revision file tells: asked of the service's own environment, in one process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import HistoryError
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE = 120.0
_ASK = """
import importlib.util, json, sys
told = sys.stdout
sys.stdout = sys.stderr
sys.path.insert(0, sys.argv[1])
fields, paths = json.load(sys.stdin)
found = []
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
told.write(json.dumps(found))
"""


def asked(
    home: Path, runner: tuple[str, ...] | None, fields: Sequence[str], paths: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The values of these names by path, from importing the files.

    Raises:
        HistoryError: a file cannot be imported, or its value is no text.
    """
    request = json.dumps([list(fields), list(paths)])
    argv = [*runners.python(runner, home), "-c", _ASK, str(home)]
    done = run(argv, cwd=home, env=runners.environment(runner, home), stdin=request, timeout=_PATIENCE)
    answers = json.loads(done.stdout) if done.returncode == 0 and done.stdout else [_last(done.stderr)] * len(paths)
    found = dict(zip(paths, answers, strict=True))
    for path, answer in found.items():
        if isinstance(answer, str):
            raise HistoryError(
                f"{path.rpartition('/')[2]} has ids that are no literals, and it cannot be imported: {answer}",
                where=path,
                hint="write its ids and labels out, or let it be imported in the service's environment",
            )
    return found


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]
