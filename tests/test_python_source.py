"""Threads of the engine parse files at the same time, which CPython 3.11 does not bear."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aegisdb
from aegisdb import python_source

ENGINE = Path(aegisdb.__file__).parent
NESTED = "def f():\n" + "    x = [1, (2, (3, [4, {5: (6, 7)}]))]\n" * 20


def test_threads_parse_while_garbage_is_collected() -> None:
    thresholds = gc.get_threshold()

    def give_way(*_: object) -> None:
        time.sleep(0)

    gc.callbacks.append(give_way)
    gc.set_threshold(20)
    try:
        with ThreadPoolExecutor(2) as pool:
            trees = list(pool.map(python_source.parse, [NESTED] * 600))
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(give_way)
    assert all(len(tree.body) == 1 for tree in trees)


def test_the_engine_parses_nowhere_else() -> None:
    """A worker has no second thread."""
    workers = ENGINE / "runtime" / "worker"
    parsing = {path.name for path in ENGINE.rglob("*.py") if "ast.parse(" in path.read_text("utf-8")}
    assert parsing - {path.name for path in workers.glob("*.py")} == {"python_source.py"}
