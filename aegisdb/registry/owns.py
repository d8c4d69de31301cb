"""More names under `owns` of a service in services.yaml, as insertions of text: every other byte of the file stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, RegistryError
from aegisdb.registry.insertion import scalar
from aegisdb.registry.parser import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aegisdb.registry.document import Mark, Node


def with_owned(path: Path, service: str, names: Sequence[str]) -> str:
    """The text of services.yaml in which the service owns these names too.

    Raises:
        RegistryError: the file has faults already.
        BadInput: `owns` is written in a way that nothing can be inserted into.
    """
    content = path.read_bytes()
    text = content.decode("utf-8-sig")
    before = parse(path, content)
    assert before.tree is not None  # noqa: S101 - just parsed
    new = _inserted(text, before.tree.content["services"].content[service], names)
    wanted = before.plain
    entry = wanted["services"][service]
    entry["owns"] = [*(entry.get("owns") or ()), *names]
    if _read(path, new) != wanted:
        listed = ", ".join(map(scalar, names))
        raise BadInput(
            f"cannot add {listed} to services.{service}.owns: it is not written as a list of its own",
            hint=f"add it by hand to `owns` of {service} in {path.name}",
        )
    return new


def _read(path: Path, text: str) -> object:
    try:
        return parse(path, text.encode()).plain
    except RegistryError:
        return None


def _inserted(text: str, service: Node, names: Sequence[str]) -> str:
    listed = ", ".join(map(scalar, names))
    owns: Node | None = service.content.get("owns")
    if owns is None:
        at = _offset(text, min(service.keys.values()))
        flow = text[_offset(text, service.mark) :].startswith("{")
        key = f'"owns": [{listed}], ' if flow else f"owns: [{listed}]\n{' ' * (min(service.keys.values())[1] - 1)}"
        return text[:at] + key + text[at:]
    start = _offset(text, owns.mark)
    if text[start : start + 1] == "[":
        end = _closing(text, start)
        body = text[start + 1 : end].rstrip()
        if '"' in body:  # a JSON file stays one
            listed = ", ".join(map(json.dumps, names))
        comma = "" if not body.strip() else " " if body.endswith(",") else ", "
        return text[: start + 1] + body + comma + listed + text[start + 1 + len(body) :]
    if not isinstance(owns.content, list) or not owns.content:
        return text
    return _below(text, owns.content[-1].mark, names)


def _below(text: str, last: Mark, names: Sequence[str]) -> str:
    """Behind the last item of a list in block style."""
    lines = text.splitlines(keepends=True)
    line = lines[last[0] - 1]
    dash = line[: last[1] - 1].rfind("-")
    newline = "\r\n" if line.endswith("\r\n") else "\n"
    if not line.endswith("\n"):
        lines[last[0] - 1] = line + newline
    lines[last[0] : last[0]] = [f"{line[:dash]}- {scalar(name)}{newline}" for name in names]
    return "".join(lines)


def _offset(text: str, mark: Mark) -> int:
    line, column = mark
    return sum(map(len, text.splitlines(keepends=True)[: line - 1])) + column - 1


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` closes; quotes and comments may hold others."""
    quote, place = "", start
    while place < len(text):
        char = text[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#" and text[place - 1].isspace():
            place = text.find("\n", place)
        elif char == "]":
            return place
        place += 1
    return start
