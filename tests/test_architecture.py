"""docs/architecture.md names the layers that there are, in their order, and every message of the worker's protocol."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.invoke import ROOT
from tests.sources import sources
from tests.test_layers import LAYERS

PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
RUNTIME = ROOT / "aegisdb/runtime"


def _rows(heading: str) -> list[str]:
    """First cells of the table below a heading, without their quotes."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \|", part, re.MULTILINE)


def test_the_table_of_layers_is_that_of_the_tree() -> None:
    assert _rows("Layers") == list(LAYERS)


def test_every_module_and_package_of_the_top_is_in_a_layer() -> None:
    tops = {".".join(name.split(".")[:2]) for name in sources() if name.startswith("aegisdb.")}
    assert tops - set(LAYERS) == set()


def test_every_path_that_it_names_exists() -> None:
    named = re.findall(r"`((?:aegisdb|tests|registry|tasks)/[\w/.]+?|\w+\.py)`", PAGE)
    assert named
    known = [str(path) for top in ("aegisdb", "tests", "tasks") for path in (ROOT / top).rglob("*")]
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in known)] == []


def test_every_request_and_event_is_told() -> None:
    told = set(_rows("The worker's protocol"))
    assert told == set(_said("op")) | {"upgrade", "downgrade"}  # these two are the direction of a step
    assert set(_said("event")) <= set(re.findall(r"`([\w ]+)`", PAGE))


def _said(key: str) -> Iterator[str]:
    """Literal values of a key in the messages that the code makes."""
    runtime = (source for name, source in sources().items() if name.startswith("aegisdb.runtime"))
    for node in (node for source in runtime for node in source.nodes(ast.Dict)):
        for name, value in zip(node.keys, node.values, strict=True):
            if _text(name) == key and _text(value):
                yield _text(value)


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_a_worker_knows_every_request() -> None:
    loop = (RUNTIME / "worker/request_loop.py").read_text("utf-8")
    stepper = (RUNTIME / "worker/stepper.py").read_text("utf-8")
    assert [name for name in _rows("The worker's protocol") if f'"{name}"' not in loop + stepper] == []
