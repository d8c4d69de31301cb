"""SQL text as statements and tokens: comments, strings and bodies in $$ are told apart, nothing is interpreted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<body>\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$)
    |(?P<string>[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<word>[^\W\d][\w$]*)
    |(?P<end>;)
    |(?P<other>\d+(?:\.\d+)?|.)""",
    re.VERBOSE | re.DOTALL,
)


_AT_ONCE = 256  # texts that rules ask about again: those of one revision; the tokens of thousands take 100 MB


class Token(NamedTuple):
    """`kind`: "word" (in lower case), "quoted" (a name without its quotes), "string", "body" ($$...$$) or "other"."""

    kind: str
    text: str


@dataclass(frozen=True)
class Statement:
    """A SQL statement."""

    tokens: tuple[Token, ...]
    text: str
    newlines: int
    """Line breaks of the SQL text before it."""

    @property
    def verb(self) -> str:
        """The first word of the statement."""
        return self.tokens[0].text if self.tokens[0].kind == "word" else ""

    def has(self, *words: str) -> bool:
        """Whether these words stand in it one after the other, outside of strings and bodies."""
        return "\0".join(("", *words, "")) in self._spelled

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, outside of strings and bodies."""
        return frozenset(text for kind, text in self.tokens if kind == "word")

    @cached_property
    def _spelled(self) -> str:
        """Its words between NULs, which no word has; anything else is none."""
        return "\0".join(("", *(token.text if token.kind == "word" else "" for token in self.tokens), ""))


@lru_cache(maxsize=_AT_ONCE)
def statements(sql: str) -> tuple[Statement, ...]:
    """The statements of a SQL text, in order."""
    return tuple(_split(sql))


def _split(sql: str) -> Iterator[Statement]:
    tokens: list[Token] = []
    start = end = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup if match.lastgroup != "tag" else "body"
        if kind == "blank":
            continue
        if kind == "end" and not _is_body(tokens):
            if tokens:
                yield Statement(tuple(tokens), sql[start:end], sql.count("\n", 0, start))
            tokens = []
            continue
        if not tokens:
            start = match.start()
        end = match.end()
        text = match[0]
        tokens.append(Token("word", text.lower()) if kind == "word" else _token(str(kind), text))
    if tokens:
        yield Statement(tuple(tokens), sql[start:end], sql.count("\n", 0, start))


def _is_body(tokens: list[Token]) -> bool:
    """Whether a semicolon stands inside of BEGIN ATOMIC ... END."""
    words = [token.text for token in tokens]
    return words[:1] == ["create"] and "atomic" in words and words[-1] != "end"


def _token(kind: str, text: str) -> Token:
    if kind == "quoted":
        return Token(kind, text[1:-1].replace('""', '"'))
    return Token(kind, text)


def body_value(token: Token) -> str:
    """The text between the dollar signs of a body token."""
    around = token.text.index("$", 1) + 1
    return token.text[around:-around]


def string_value(token: Token) -> str:
    """The value of a string token."""
    return token.text[token.text.index("'") + 1 : -1].replace("''", "'")
