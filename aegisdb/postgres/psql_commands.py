r"""psql's own commands in a SQL file: where they stand, and which of them stay within the file.

A file runs under \restrict, which refuses them all. Those that neither leave the file nor run a program are run between
an \unrestrict and a \restrict of their own, on their line, so SQL is never read while commands are allowed: a value of
\set that is pasted into SQL, or a text that psql takes apart in another way than this module does, gains nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODING = "latin-1"
"""Bytes one to one: a dump may be in any encoding, and what matters here is ASCII in all that psql takes."""

_TOKEN = re.compile(
    r"""(?P<newline>\n)
    |(?P<blank>[^\S\n]+|--[^\n]*)
    |(?P<comment>/\*)
    |\$(?P<tag>(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?)\$
    |(?P<string>[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)(?:[^\S\n]*\n\s*'(?:[^'\\]|''|\\.)*(?:'|\Z))*
        |'(?:[^']+|'')*(?:'|\Z)|"[^"]*(?:"|\Z)|\\[;:])
    |(?P<command>\\)
    |(?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)
    |(?P<end>;)
    |(?P<other>\d+|.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_COMMENT = re.compile(r"/\*|\*/")
_COMMAND = re.compile(r"""\\(?P<name>[^\s\\]*)(?P<words>(?:'(?:[^'\\\n]|''|\\[^\n])*'?|"[^"\n]*"?|[^\\\n'"])*)""")
_DATA_END = re.compile(r"^\\\.\r?$\n?", re.MULTILINE)

_BRANCHES = frozenset({"if", "elif", "else", "endif"})
_HARMLESS = _BRANCHES | {
    "a",
    "bind",
    "C",
    "conninfo",
    "copyright",
    "crosstabview",
    "echo",
    "encoding",
    "errverbose",
    "f",
    "gdesc",
    "gexec",
    "gset",
    "H",
    "l",
    "l+",
    "p",
    "print",
    "pset",
    "q",
    "qecho",
    "quit",
    "r",
    "reset",
    "t",
    "T",
    "timing",
    "warn",
    "x",
    "z",
}
_DESCRIBES = re.compile(r"d[A-Za-z]*[S+x]*")
_VARIABLE = re.compile(r"[A-Za-z0-9_\x80-\xff]+")
_YES = frozenset({"", "1", "on", "true", "yes"})


@dataclass(frozen=True)
class Command:
    """One command; `start` and `end` are places in the text, `refusal` is why it may not run, "" where it may."""

    name: str
    words: str
    start: int
    end: int
    refusal: str
    of_dump: bool = False
    r"""The \restrict or \unrestrict of a dump, whose key was checked: our own does what it asks for."""


def commands(text: str) -> tuple[Command, ...]:
    """The psql commands of a file's text (decoded by `ENCODING`), in order."""
    if "\\" not in text:
        return ()
    return tuple(_branches_judged(text, _dump_judged(_scan(text))))


def refused(text: str) -> Command | None:
    """The first command that may not run."""
    return next((command for command in commands(text) if command.refusal), None)


@dataclass(frozen=True)
class Guarded:
    r"""A text in which each command that may run has an \unrestrict and a \restrict around it."""

    text: str
    added: tuple[int, ...]
    """Numbers of the lines that begin where the file has no new line."""

    def line(self, number: int) -> int:
        """The line of the file for one of this text."""
        return number - sum(added <= number for added in self.added)


def guarded(text: str, found: tuple[Command, ...], key: str) -> Guarded:
    r"""The text as it runs under `\restrict KEY`.

    Without a key psql knows no \restrict, and only what a dump says of it is taken away.
    """
    parts: list[str] = []
    added: list[int] = []
    at, number = 0, 1
    for command in found:
        if command.refusal:
            continue
        parts.append(text[at : command.start])
        number += text.count("\n", at, command.start)
        at = command.end
        if command.of_dump or not key:
            parts.append("" if command.of_dump else text[command.start : at])
            continue
        at += 2 * text.startswith("\\\\", at)
        # psql takes all that follows on the line for the key. A false \if skips both, and runs no command either
        parts.append(f"\\unrestrict {key}\n{text[command.start : command.end].rstrip()} \\restrict {key}")
        added.append(number := number + 1)
        if not text.startswith("\n", at):
            parts.append("\n")
            added.append(number := number + 1)
    return Guarded("".join((*parts, text[at:])), tuple(added))


def _scan(text: str) -> Iterator[Command]:
    at = awaited = 0  # data blocks of COPY that begin below this line
    words: list[str] = []
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None  # noqa: S101  its last branch takes any character
        at = match.end()
        if match["newline"] and awaited:
            at, awaited = _after_data(text, at, awaited), 0
        elif match["comment"]:
            at = _after_comment(text, at)
        elif match["tag"] is not None:
            at = _after_body(text, at, match[0])
        elif match["command"]:
            command = _command(text, match.start())
            yield command
            at = command.end + 2 * text.startswith("\\\\", command.end)
        elif match["end"]:
            awaited += _reads_data(words)
            words = []
        elif match["word"] or match["other"]:
            words.append(match[0].lower())


def _after_comment(text: str, at: int) -> int:
    depth = 1
    for match in _COMMENT.finditer(text, at):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return len(text)


def _after_body(text: str, at: int, tag: str) -> int:
    end = text.find(tag, at)
    return len(text) if end < 0 else end + len(tag)


def _after_data(text: str, at: int, blocks: int) -> int:
    for _ in range(blocks):
        end = _DATA_END.search(text, at)
        at = end.end() if end else len(text)
    return at


def _reads_data(words: list[str]) -> bool:
    return words[:1] == ["copy"] and ("from", "stdin") in pairwise(words)


def _command(text: str, start: int) -> Command:
    match = _COMMAND.match(text, start)
    assert match is not None  # noqa: S101  it begins with the backslash that was found
    name, words = match["name"], match["words"].strip()
    return Command(name, words, start, match.end(), _refusal(name, words))


def _refusal(name: str, words: str) -> str:
    if "`" in words:
        return rf"\{name} with a program in backticks"
    if name in {"g", "gx"}:
        return rf"\{name} with a place to write to" if words else ""
    if name in {"set", "unset"}:
        return _of_variable(name, words)
    harmless = name in _HARMLESS or _DESCRIBES.fullmatch(name)
    return "" if harmless else rf"\{name}"


def _of_variable(command: str, words: str) -> str:
    variable, *values = words.split() or [""]
    if words and not _VARIABLE.fullmatch(variable):
        return rf"\{command} of a name that psql works out"
    stops = variable != "ON_ERROR_STOP" or (command == "set" and "".join(values).lower() in _YES)
    if not stops or variable == "SINGLELINE":
        return rf"\{command} {words}"
    return ""


def _dump_judged(found: Iterator[Command]) -> Iterator[Command]:
    r"""Let pass the pair around a dump; between the two, psql runs no command at all."""
    key = ""
    for command in found:
        opens = command.name == "restrict" and not key and command.words.isalnum()
        closes = command.name == "unrestrict" and key and command.words == key
        if opens or closes:
            key = command.words if opens else ""
            yield Command(command.name, command.words, command.start, command.end, "", of_dump=True)
        elif key and not command.refusal:
            yield _with_refusal(command, rf"\{command.name} below \restrict")
        else:
            yield command


def _branches_judged(text: str, found: Iterator[Command]) -> list[Command]:
    r"""Refuse \if above any other backslash: a false branch skips \restrict, so psql is not restricted there."""
    every = list(found)
    first = next((command.start for command in every if command.name in _BRANCHES), None)
    if first is None:
        return every
    ours = sum(text.count("\\", c.start, c.end + 2 * text.startswith("\\\\", c.end)) for c in every if c.start >= first)
    if ours == text.count("\\", first) and not any(c.refusal or c.of_dump for c in every if c.start >= first):
        return every
    return [
        _with_refusal(c, rf"\{c.name} above another use of a backslash") if c.name in _BRANCHES and not c.refusal else c
        for c in every
    ]


def _with_refusal(command: Command, refusal: str) -> Command:
    return Command(command.name, command.words, command.start, command.end, refusal)
