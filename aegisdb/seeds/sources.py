"""What a seed is made of: the files it comes from and the hash over them."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from aegisdb import python_source
from aegisdb.errors import BadInput
from aegisdb.file_cache import Kind, Remembered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.registry.kinds import Seed
    from aegisdb.registry.types import Registry

_IMPORTS = Kind("cache/imports.json")


class Sources:
    """The files of a registry's seeds, each looked for once however many seeds come from it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._remembered = Remembered(_IMPORTS.file(registry.state))
        self._modules: dict[tuple[Path, str], tuple[Path, ...]] = {}
        self._own: dict[Path, frozenset[str]] = {}

    def __enter__(self) -> Self:
        self._remembered.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._remembered.__exit__()

    def digest(self, service: str, seed: Seed) -> str:
        """The digest of a seed, as `seed_digest` makes it."""
        entry = {key: value for key, value in asdict(seed).items() if key != "timeout"}
        digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode())
        root = service_directory(self._registry, service)
        for path in self.files(service, seed):
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def files(self, service: str, seed: Seed) -> tuple[Path, ...]:
        """The files of a seed, as `seed_files` finds them."""
        root = service_directory(self._registry, service)
        found = {_existing(root / name, service, seed) for name in seed.files()}
        if module := seed.code():
            self._collect(root, module, found)
        return tuple(sorted(found))

    def _collect(self, root: Path, module: str, found: set[Path]) -> None:
        """Add the module's file and, from it, every module of the same service that it imports."""
        if root not in self._own:
            self._own[root] = _own_names(root)
        if module.partition(".")[0] not in self._own[root]:
            return
        if (root, module) not in self._modules:
            self._modules[root, module] = tuple(module_files(root, module))
        for path in self._modules[root, module]:
            if path not in found:
                found.add(path)
                for name in _imports(path, module, self._remembered):
                    self._collect(root, name, found)


def seed_digest(registry: Registry, service: str, seed: Seed) -> str:
    """sha256 over the registry entry and every file the seed comes from; a longer `timeout` does not change it.

    Files: the module and what it imports from its own service (for `http` the application that `serve` names), the
    declared `inputs`, the SQL file. Only files are read, nothing is imported.

    Raises:
        BadInput: a declared input or the SQL file is missing.
    """
    with Sources(registry) as sources:
        return sources.digest(service, seed)


def seed_files(registry: Registry, service: str, seed: Seed) -> tuple[Path, ...]:
    """The files a seed comes from, sorted; raises as `seed_digest`."""
    with Sources(registry) as sources:
        return sources.files(service, seed)


def service_directory(registry: Registry, service: str) -> Path:
    """The service's folder."""
    return registry.root / registry.services[service].path


def _existing(path: Path, service: str, seed: Seed) -> Path:
    if not path.is_file():
        raise BadInput(
            f"{seed.label} of {service} needs a file that is not there: {path.name}",
            hint="correct the seed's entry in services.yaml or restore the file",
            where=str(path),
            code="file",
        )
    return path


def _own_names(root: Path) -> frozenset[str]:
    """Top-level names that a service's modules can have; most imports are of something else."""
    places = [place for place in (root, root / "src") if place.is_dir()]
    return frozenset(entry.name.removesuffix(".py") for place in places for entry in os.scandir(place))


def module_files(root: Path, module: str) -> Iterator[Path]:
    """Files of a service that a dotted name may mean."""
    place = module.replace(".", "/")
    for base in (root, root / "src"):
        for name in (f"{place}.py", f"{place}/__init__.py", f"{place}/__main__.py"):
            if (base / name).is_file():
                yield base / name


def _imports(path: Path, module: str, remembered: Remembered) -> list[str]:
    """Names that a file imports, each once."""
    known = remembered.get(path)
    if known is None or known[0] != module:  # the same file under another name: its relative imports mean others
        names = list(dict.fromkeys(_parsed(path, module)))
        known = [module, names]
        remembered.put(path, known)
    return list(known[1])


def _parsed(path: Path, module: str) -> Iterator[str]:
    try:
        tree = python_source.parse(path.read_bytes())
    except SyntaxError:
        return  # running it will say so; its bytes are in the hash
    yield from _imported(tree, module, is_package=path.name == "__init__.py")


def _imported(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, is_package=is_package)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - 1 if is_package else node.level
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])
