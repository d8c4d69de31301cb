"""A new entry in services.yaml, as an insertion of text: every other byte of the file stays."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput
from aegisdb.registry.interpolation import Interpolation, Variables
from aegisdb.registry.parser import parse
from aegisdb.registry.rules import meaning_problems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.registry.document import Node

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NO_SERVICES = re.compile(r"""^(["']?services["']?\s*:)\s*(?:\{\s*\}|~|[Nn]ull|NULL)(?=\s|$)""")
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def entry_text(name: str, entry: Mapping[str, Any], indent: int) -> str:
    """The entry in block style, values in flow style, as this repository writes them."""
    pad = " " * indent
    lines = [f"{pad}{scalar(name)}:"]
    lines += [f"{pad}{pad or '  '}{key}: {_flow(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def scalar(text: str) -> str:
    """The text as YAML, quoted where it could be read as something else."""
    # a JSON string is a YAML string
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def with_service(path: Path, name: str, entry: Mapping[str, Any], text: str | None = None) -> tuple[str, str]:
    """The text of services.yaml with one more service, and the inserted lines; `text` stands for the file's content.

    Raises:
        RegistryError: the file has faults already.
        BadInput: the entry does not fit the others, or `services` is not written in block style.
    """
    content = path.read_bytes() if text is None else text.encode()
    text = content.decode("utf-8-sig")
    draft = parse(path, content)
    assert draft.tree is not None  # noqa: S101 - just parsed
    inserted, new = _inserted(text, draft.tree, name, entry)
    _judge(path, new, name)
    return new, inserted


def _judge(path: Path, new: str, name: str) -> None:
    draft = parse(path, new.encode())
    plain = Interpolation(Variables(os.environ, path.parent / ".env")).fill(draft.plain)
    found = [*draft.problems, *meaning_problems(plain, path.parent)]
    # the directory is made after this
    found = [problem for problem in found if problem.key[:3] != ("services", name, "path")]
    if found or draft.located:
        message = found[0].message if found else draft.located[0].message
        raise BadInput(f"service {name} does not fit into {path.name}: {message}", hint=found[0].hint if found else "")


def _inserted(text: str, tree: Node, name: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    services = tree.content.get("services")
    if services is not None and not services.keys:  # `services:` or `services: {}`
        line = tree.keys["services"][0]
        body = entry_text(name, entry, 2)
        lines[line - 1] = _NO_SERVICES.sub(r"\1", lines[line - 1], count=1).rstrip() + newline
        at, block = line, body
    elif services is None:
        body = entry_text(name, entry, 2)
        at, block = len(lines), "\nservices:\n" + body
    else:
        line, column = min(services.keys.values(), default=(0, 1))
        if line == tree.keys["services"][0] or column == 1:
            raise _cannot(name, entry, "`services` is not written in block style")
        body = entry_text(name, entry, column - 1)
        at = _end(lines, tree, column - 1)
        block = ("\n" if _spaced(lines, services) else "") + body
    if lines and at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    block = block.replace("\n", newline)
    return body, "".join([*lines[:at], block, *lines[at:]])


def _end(lines: list[str], tree: Node, indent: int) -> int:
    """Index of the line behind the last service; comments of the next key stay with that key."""
    start = tree.keys["services"][0]
    later = [line for line, _column in tree.keys.values() if line > start]
    end = min(later) - 1 if later else len(lines)
    while end > start and _belongs_below(lines[end - 1], indent):
        end -= 1
    return end


def _belongs_below(line: str, indent: int) -> bool:
    text = line.strip()
    return not text or (text.startswith("#") and len(line) - len(line.lstrip()) < indent)


def _spaced(lines: list[str], services: Node) -> bool:
    """Whether an empty line stands between services."""
    starts = sorted(line for line, _column in services.keys.values())
    return len(starts) < 2 or any(not line.strip() for line in lines[starts[0] : starts[-1]])  # noqa: PLR2004


def _cannot(name: str, entry: Mapping[str, Any], why: str) -> BadInput:
    return BadInput(f"cannot add an entry: {why}", hint=f"add it by hand:\n{entry_text(name, entry, 2)}")
