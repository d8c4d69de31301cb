"""Bytes of services.yaml to a tree of nodes; the one module that imports ruamel.

YAML's events are composed here rather than by the library, so that duplicate keys, keys that are not text, aliases,
nesting and expansion are judged while reading: a hostile file is refused before it can grow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent
from ruamel.yaml.reader import ReaderError

from aegisdb.registry.document import Mark, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1_000_000
MAX_ALIASES = 50
MAX_DEPTH = 40
MAX_VALUES = 100_000

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 18
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STREAM_AND_DOCUMENT_START = 2


class YamlFault(Exception):
    """Something that ends reading: `mark`, what is wrong, and how to fix it."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.hint = hint


class Reader:
    """Reads one document; `faults` collects those that reading survives (duplicate keys, odd keys)."""

    def __init__(self) -> None:
        self.faults: list[YamlFault] = []
        self._anchors: dict[str, Node] = {}
        self._aliases = 0
        self._events: Iterator[Any] = iter(())

    def read(self, content: bytes) -> Node | None:
        """The document; None for an empty file.

        Raises:
            YamlFault: not readable at all.
        """
        text = _decode(content)
        try:
            self._events = YAML(typ="safe", pure=True).parse(text)
            return self._document()
        except MarkedYAMLError as error:
            raise _syntax_fault(error) from None
        except AssertionError:  # of ruamel, for a version of YAML 1 that it does not know
            raise _version_fault(text) from None
        except ReaderError as error:
            before = text[: error.position]
            mark = (before.count("\n") + 1, len(before) - before.rfind("\n"))
            raise YamlFault(mark, "a control character is not allowed in YAML", "remove it") from None

    def _document(self) -> Node | None:
        next(self._events)
        event = next(self._events)
        if type(event).__name__ != "DocumentStartEvent":
            return None
        root = self._node(next(self._events), 0)
        next(self._events)
        event = next(self._events)
        if type(event).__name__ == "DocumentStartEvent":
            raise YamlFault(_mark(event), "a second YAML document begins here", "keep one document: remove `---`")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        mark = _mark(event)
        if depth > MAX_DEPTH:
            raise YamlFault(mark, f"nested more than {MAX_DEPTH} levels deep")
        if event.tag is not None and str(event.tag) != "!":
            raise YamlFault(mark, f"the YAML tag {event.tag} is not used here", "remove the tag")
        if isinstance(event, ScalarEvent):
            return self._anchor(event, Node(mark, _scalar(event)))
        node = self._anchor(event, Node(mark, {} if isinstance(event, MappingStartEvent) else [], open=True))
        if isinstance(event, SequenceStartEvent):
            self._fill_list(node, depth)
        else:
            self._fill_mapping(node, depth)
        node.open = False
        return node

    def _anchor(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        mark = _mark(event)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise YamlFault(mark, f"more than {MAX_ALIASES} aliases", "write the values out")
        node = self._anchors.get(event.anchor)
        if node is None:
            raise YamlFault(mark, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        if node.open:
            raise YamlFault(mark, f"*{event.anchor} stands inside &{event.anchor}: it would contain itself")
        return Node(mark, node.content, node.keys, node.size)

    def _grow(self, node: Node, child: Node) -> None:
        node.size += child.size
        if node.size > MAX_VALUES:
            raise YamlFault(child.mark, f"aliases and merge keys expand to more than {MAX_VALUES} values")

    def _fill_list(self, node: Node, depth: int) -> None:
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            child = self._node(event, depth + 1)
            self._grow(node, child)
            node.content.append(child)

    def _fill_mapping(self, node: Node, depth: int) -> None:
        merged: list[Node] = []
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key, plain = self._node(event, depth + 1), getattr(event, "style", None) is None
            value = self._node(next(self._events), depth + 1)
            self._grow(node, value)
            if plain and key.content == "<<":
                merged += self._merge_sources(value)
            else:
                self._add(node, key, value)
        for source in merged:
            for name, child in source.content.items():
                if name not in node.content:
                    node.content[name], node.keys[name] = child, source.keys[name]

    def _merge_sources(self, value: Node) -> list[Node]:
        sources = value.content if isinstance(value.content, list) else [value]
        if not all(isinstance(source.content, dict) for source in sources):
            self.faults.append(YamlFault(value.mark, "`<<` merges mappings only", "give it `*name` of a mapping"))
            return []
        return list(sources)

    def _add(self, node: Node, key: Node, value: Node) -> None:
        name = key.content
        if not isinstance(name, str):
            hint = f'write "{name}" in quotes' if isinstance(name, int | float | bool) else "keys are texts"
            self.faults.append(YamlFault(key.mark, "this key is not a text", hint))
        elif name in node.content:
            line = node.keys[name][0]
            message = f"duplicate key `{name}`: it is already on line {line}"
            self.faults.append(YamlFault(key.mark, message, "keep one of the two"))
        else:
            node.content[name], node.keys[name] = value, key.mark


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise YamlFault((1, 1), f"larger than {MAX_BYTES // 1000} kB", "a registry is a small file written by hand")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        mark = (before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        raise YamlFault(mark, "not UTF-8", "save the file as UTF-8") from None


def _scalar(event: Any) -> Any:
    # YAML 1.2: `no`, `on` and 010 mean what they look like
    text: str = event.value
    if event.style is not None or event.tag is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _version_fault(text: str) -> YamlFault:
    lines = text.splitlines()
    number = next((n for n, line in enumerate(lines, start=1) if line.startswith("%YAML")), 1)
    return YamlFault((number, 1), "not readable as YAML: its version is not 1.1 or 1.2", "take the line %YAML out")


def _syntax_fault(error: MarkedYAMLError) -> YamlFault:
    # the library's own text would quote the line, which may hold a password
    at = error.problem_mark or error.context_mark
    mark = (at.line + 1, at.column + 1) if at else (1, 1)
    problem = str(error.problem or error.context or "unreadable")
    if "'\\t'" in problem:
        return YamlFault(mark, "a tab where YAML wants spaces", "indent with spaces")
    context = f"{error.context}, " if error.context else ""
    hint = "check indentation, quotes and colons here"
    if "flow mapping" in context:
        hint += '; inside { } a ${VAR} stands in quotes: "${VAR}"'
    return YamlFault(mark, f"not readable as YAML: {context}{problem}", hint)
