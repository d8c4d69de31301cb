"""Packages of aegisdb stand in layers: a module imports from its own layer or from one further down, never in a circle.

Every import counts, also those inside functions and those that only type checkers see.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.sources import Source, sources

LAYERS = (
    "tasks",
    "aegisdb.cli",
    "aegisdb.output",
    "aegisdb.doctor",
    "aegisdb.testing",
    "aegisdb.workflows",
    "aegisdb.workflows.db",
    "aegisdb.workflows.rollout",
    "aegisdb.workflows.migrate",
    "aegisdb.workflows.deploy",
    "aegisdb.workflows.seed",
    "aegisdb.workflows.service",
    "aegisdb.forms",
    "aegisdb.models",
    "aegisdb.drift",
    "aegisdb.compat",
    "aegisdb.proofs",
    "aegisdb.pictures",
    "aegisdb.reporting",
    "aegisdb.building",
    "aegisdb.lint",
    "aegisdb.deploy",
    "aegisdb.seed_kinds",
    "aegisdb.seeds",
    "aegisdb.runtime",
    "aegisdb.backfills",
    "aegisdb.runtime.worker",
    "aegisdb.runtime.worker.fast",
    "aegisdb.applied",
    "aegisdb.revisions",
    "aegisdb.safety",
    "aegisdb.fleets",
    "aegisdb.workspace",
    "aegisdb.members",
    "aegisdb.target_kinds",
    "aegisdb.servers",
    "aegisdb.ownership",
    "aegisdb.fingerprint",
    "aegisdb.registry",
    "aegisdb.postgres",
    "aegisdb.package_lookup",
    "aegisdb.runners",
    "aegisdb.background",
    "aegisdb.processes",
    "aegisdb.progress",
    "aegisdb.file_cache",
    "aegisdb.git_head",
    "aegisdb.files",
    "aegisdb.engines",
    "aegisdb.shards",
    "aegisdb.dry_run",
    "aegisdb.errors",
    "aegisdb.results",
    "aegisdb.plain_text",
    "aegisdb.python_source",
    "aegisdb.fast_dataclass",
)
"""From top to bottom; a module belongs to the longest name that it begins with."""
ABOVE = "aegisdb"  # the package itself: a version and nothing else


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports of the two packages."""
    return {name: frozenset(_imported(name, source)) - {name} for name, source in sources().items()}


def _imported(name: str, source: Source) -> Iterator[str]:
    known = sources()
    package = name if source.path.name == "__init__.py" else name.rpartition(".")[0]
    for node in source.nodes(ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    for found in source.nodes(ast.ImportFrom):
        origin = _absolute(found, package)
        named = [f"{origin}.{alias.name}" for alias in found.names]
        yield from (one if one in known else origin for one in named if one in known or origin in known)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - (node.level - 1)]
    return ".".join([*parents, *filter(None, [node.module])])


def layer_of(module: str) -> int:
    """Where a module's layer stands in the table."""
    fitting = [layer for layer in LAYERS if module == layer or module.startswith(f"{layer}.")]
    assert fitting, f"{module} is in no layer: give it one in LAYERS and in docs/architecture.md"
    return LAYERS.index(max(fitting, key=len))


def upward() -> set[str]:
    """Imports that go from a layer to one further up."""
    pairs = ((name, other) for name, found in imports().items() for other in found if ABOVE not in {name, other})
    return {f"{name} -> {other}" for name, other in pairs if layer_of(other) < layer_of(name)}


def circles() -> set[str]:
    """Groups of modules of which each reaches each other one."""
    reached = {name: _reachable(name) for name in imports()}
    groups = {frozenset(other for other in reached[name] if name in reached[other]) for name in reached}
    return {" ".join(sorted(name.removeprefix("aegisdb.") for name in group)) for group in groups if group}


def _reachable(name: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(imports()[name])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += imports()[other]
    return frozenset(found)


def test_a_module_imports_only_downward() -> None:
    assert upward() == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles() == set()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_modules(layer: str) -> None:
    assert any(name == layer or name.startswith(f"{layer}.") for name in sources())


PURE = ("aegisdb.postgres", "aegisdb.servers", "aegisdb.runtime", "aegisdb.applied", "aegisdb.workspace")


def test_revisions_need_no_database_and_import_nothing_of_a_service() -> None:
    wrong = {
        f"{name} -> {other}"
        for name, found in imports().items()
        if name.startswith("aegisdb.revisions")
        for other in found
        if other.startswith(PURE)
    }
    assert wrong == set()
    importing = {"import_module", "__import__", "spec_from_file_location", "exec_module", "exec", "eval", "run_path"}
    for name, source in sources().items():
        if name.startswith("aegisdb.revisions"):
            words = {node.attr for node in source.nodes(ast.Attribute)} | {node.id for node in source.nodes(ast.Name)}
            assert not words & importing, name


KINDS = {"aegisdb.target_kinds", "aegisdb.seed_kinds"}


def test_nobody_else_compares_with_the_name_of_a_kind() -> None:
    """A new kind is one module: others ask an entry or its server a question."""
    words = {name.rpartition(".")[2] for name in sources() if name.rpartition(".")[0] in KINDS}
    assert {"embedded", "compose", "http", "sql"} <= words
    found = {
        f"{name}:{node.lineno}"
        for name, source in sources().items()
        if not name.startswith(tuple(KINDS))
        for node in source.nodes(ast.Compare)
        if _asks_for_kind([node.left, *node.comparators], words)
    }
    assert found == set()


def _asks_for_kind(operands: list[ast.expr], words: set[str]) -> bool:
    asked = [node.func if isinstance(node, ast.Call) else node for node in operands]
    return any(getattr(node, "attr", "") in {"kind", "server"} for node in asked) and any(
        isinstance(node, ast.Constant) and node.value in words for one in operands for node in ast.walk(one)
    )
