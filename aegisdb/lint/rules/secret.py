"""No password, token or key in a revision: it stays in git and in the journal for ever."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile

_SHORTEST = 6
_NAME = re.compile(r"(?:^|_)(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"^(?:\W*|x+|\*+|\.+|<.*>|\$\{.*\}|%\(.*\)s|:\w+|changeme|change_me)$", re.IGNORECASE)
_KEYWORDS = frozenset(
    {"password", "passwd", "pwd", "pass", "secret", "secrets", "token", "tokens", "key", "keys", "apikey"}
)
_WORD = re.compile(r"[A-Z]*[a-z]+|[A-Z]+")
_NAME_OF_SOMETHING = re.compile(r"[A-Za-z]+\d{0,2}(?:[_.:/ -]+[A-Za-z]*\d{0,2})*")
_SQL = re.compile(r"\s*(?:select|insert|update|delete|create|alter|drop|comment|grant|with|do)\s", re.IGNORECASE)
_TYPE = re.compile(r"(?:string|text|(?:var)?char|boolean|integer|bigint|bytea|bearer)(?:\(\d+\))?", re.IGNORECASE)
_SHAPES = {
    "a password in a URL": re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:(?P<secret>[^\s@/'\"{]{2,})@", re.IGNORECASE),
    "a password in SQL": re.compile(r"\bPASSWORD\s+'(?P<secret>[^']{2,})'", re.IGNORECASE),
    "a private key": re.compile(r"-----BEGIN (?P<secret>[A-Z ]*PRIVATE KEY)-----"),
    "an access key of AWS": re.compile(r"\b(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    "a token of GitHub": re.compile(r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})\b"),
    "a token of GitLab": re.compile(r"\b(?P<secret>glpat-[\w-]{20,})"),
    "a token of Slack": re.compile(r"\b(?P<secret>xox[abprs]-[\w-]{10,})"),
    "an API key": re.compile(r"\b(?P<secret>sk-[A-Za-z0-9_-]{20,})"),
}


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for node in file.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _shaped(node.lineno, node.value)
        else:
            yield from _named(node)


def _shaped(line: int, text: str) -> Iterator[Complaint]:
    """Yield texts that look like a secret wherever they stand."""
    if len(text) < _SHORTEST:
        return
    for what, shape in _SHAPES.items():
        match = shape.search(text)
        stands_for_one = _is_no_secret if "password" in what else _PLACEHOLDER.match
        if match and not stands_for_one(match["secret"]):
            yield line + text.count("\n", 0, match.start()), f"{what} stands here"


def _named(node: ast.AST) -> Iterator[Complaint]:
    """`password = "..."`, `f(token="...")`, `{"secret": "..."}`."""
    for name, value in _pairs(node):
        text = value.value if isinstance(value, ast.Constant) else None
        if isinstance(text, str) and len(text) >= _SHORTEST and _NAME.search(name) and not _is_no_secret(text):
            yield value.lineno, f"the value of `{name}` stands here"


def _is_no_secret(text: str) -> bool:
    """Whether a text only speaks of a secret: a placeholder, a name of a variable or column, a type, a statement."""
    if _PLACEHOLDER.match(text) or _SQL.match(text) or _TYPE.fullmatch(text):
        return True
    if not _NAME_OF_SOMETHING.fullmatch(text):
        return False
    words = {word.lower() for word in _WORD.findall(text)}
    return not words.isdisjoint(_KEYWORDS) or (text.isupper() and "_" in text)


def _pairs(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


RULE = Rule(
    id="secret",
    summary="No password, token or key stands in a revision.",
    fix="read it from the environment where it is needed, and replace the secret: it is known now",
    check=_check,
)
