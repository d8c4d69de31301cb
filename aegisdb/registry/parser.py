"""Bytes of services.yaml to a draft, by ruamel and pydantic; imported only when the draft is not cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Fault, RegistryError
from aegisdb.registry.draft import Draft, Located, place
from aegisdb.registry.reader import Reader, YamlFault
from aegisdb.registry.shape import shape_problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.registry.document import Key, Mark, Node


def parse(path: Path, content: bytes) -> Draft:
    """Read and judge the shape.

    Raises:
        RegistryError: not readable to its end, or no mapping.
    """
    reader = Reader()
    try:
        tree = reader.read(content)
        _demand_mapping(tree)
    except YamlFault as fault:
        faults = (*reader.faults, fault)
        raise RegistryError(tuple(Fault(place(path, f.mark), f.message, f.hint) for f in faults)) from None
    assert tree is not None  # noqa: S101 - demanded above
    plain = tree.plain()
    if plain.get("services", ...) is None:
        plain["services"] = {}  # the key alone, before the first service is registered
    located = tuple(Located(f.mark, f.message, f.hint) for f in reader.faults)
    return Draft(plain, dict(_references(tree, ())), tuple(shape_problems(plain)), located, tree=tree)


def _demand_mapping(tree: Node | None) -> None:
    if tree is None or not isinstance(tree.content, dict):
        found = "is empty" if tree is None or tree.content is None else "is not a mapping (key: value)"
        raise YamlFault(
            (1, 1),
            f"the registry {found}",
            "it begins with `version: 1`; `aegisdb explain services.yaml` has every key",
        )


def _references(node: Node, key: Key) -> Iterator[tuple[Key, Mark]]:
    if isinstance(node.content, dict):
        for name, child in node.content.items():
            yield from _references(child, (*key, name))
    elif isinstance(node.content, list):
        for index, child in enumerate(node.content):
            yield from _references(child, (*key, index))
    elif isinstance(node.content, str) and "$" in node.content:
        yield key, node.mark
