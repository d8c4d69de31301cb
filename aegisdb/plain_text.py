"""Text from outside (names, messages, servers, children) as it may be shown: nothing in it acts on who reads it.

`clean` shows what moves a cursor, sets a title, turns the direction of writing or is no XML; `one_line` takes line ends
away as well; `guarded` keeps a line from being a command of the CI that reads it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 12
"""How many of a kind a text names: whoever wants all of twenty thousand asks for JSON."""

_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # marks and overrides of the direction of writing
    "\u2028\u2029\ufff9-\ufffb\U000e0000-\U000e007f"  # line ends of Unicode, annotations, invisible tags
    "\ud800-\udfff\ufffe\uffff]"  # no characters at all: neither UTF-8 nor XML knows them
)
# GitHub takes blanks before `::` for nothing and finds `##[` anywhere, as Azure does `##vso[`; our colours stand before
_COMMAND = re.compile(r"^((?:[^\S\n]|\x1b\[[0-9;]*m)*)(?=::|section_(?:start|end):)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"#(?=#\w*\[)")


_TRACEBACK = "Traceback (most recent call last):"


def exception_line(output: str) -> str:
    """The line of a child's output that says what was raised: more lines of the message may stand below it."""
    lines = output.strip().splitlines() or ["no output"]
    begins = [number for number, line in enumerate(lines) if line.strip() == _TRACEBACK]
    if not begins:
        return lines[-1]
    return next((line for line in lines[begins[-1] + 1 :] if line[:1].strip()), lines[-1])


def clean(text: str) -> str:
    r"""The text with every such character as `\x1b` or `\u202e`; tabs and line feeds stay."""
    if text.isprintable():  # none of them is
        return text
    return _ACTING.sub(_shown, text.replace("\r\n", "\n"))


def _shown(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004


def one_line(text: str) -> str:
    """The cleaned text on one line; blanks at its beginning stay."""
    return clean(text) if text.isprintable() else re.sub(r"\s*\n\s*", " ", clean(text).strip("\n").expandtabs(4))


def some_of(names: Sequence[str]) -> str:
    """The names, of many the first dozen and how many more there are."""
    more = [f"and {len(names) - MOST} more"] if len(names) > MOST else []
    return ", ".join([*names[:MOST], *more])


def number_of(count: int, thing: str, more: str = "") -> str:
    """How many of these there are; `more` is the word for several, where it is not made with an s."""
    return f"{count} {thing if count == 1 else more or thing + 's'}"


def release(number: int) -> str:
    """180006 is PostgreSQL 18.6."""
    return f"PostgreSQL {number // 10000}.{number % 10000}"


def guarded(text: str) -> str:
    """The text without a line that GitHub, GitLab, Azure or TeamCity would take for a command to them."""
    if "::" in text or "section_" in text:
        text = _COMMAND.sub(r"\1\\", text)
    return _OLD_COMMAND.sub(r"#\\", text) if "##" in text else text


def escaped_json(document: str) -> str:
    r"""A JSON document that says the same and shows it: `\u202e`. Such characters stand in its strings only."""
    if "##" in document:
        document = _OLD_COMMAND.sub(r"\\u0023", document)
    return _ACTING.sub(_in_json, document)


def _in_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
