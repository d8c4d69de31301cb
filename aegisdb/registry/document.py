"""services.yaml as a tree of values that know their line and column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Key = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists."""
Mark = tuple[int, int]
"""1-based line and column."""


@dataclass(slots=True)
class Node:
    """A value of the document; `content` is a scalar, a list of nodes or a dict of nodes."""

    mark: Mark
    content: Any
    keys: dict[str, Mark] = field(default_factory=dict)
    """Key of a mapping to its place."""
    size: int = 1
    """Number of values in it, with aliases and merge keys expanded."""
    open: bool = False
    """Still being read: an alias to it would make it contain itself."""

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def locate(self, key: Key, *, at_key: bool = False) -> Mark:
        """Where the value of `key` stands (with `at_key` the key itself), or its nearest parent that exists."""
        node, mark = self, self.mark
        for depth, part in enumerate(key, start=1):
            try:
                child: Node = node.content[part]
            except (KeyError, IndexError, TypeError):
                return mark
            # an empty value has no place of its own: YAML reports the next token
            own = at_key or depth < len(key) or child.content is None
            mark = node.keys.get(str(part), child.mark) if own else child.mark
            node = child
        return mark


def dotted(key: Key) -> str:
    """A key as people write it: `services.identity.seeds[0].module`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
