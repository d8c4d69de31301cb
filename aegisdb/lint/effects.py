"""What a statement does to which object: the little of SQL's grammar that the rules need, and the same of `op.*`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

from aegisdb.lint.statements import Statement, Token, statements, string_value

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADJECTIVES = frozenset(
    {"unlogged", "global", "local", "recursive", "unique", "constraint", "trusted", "procedural", "event"}
)
_ON_A_TABLE = frozenset({"index", "trigger", "rule", "policy", "constraint"})
_TWO_WORDS = {("materialized", "view"), ("foreign", "table"), ("event", "trigger"), ("access", "method")}
_GRANTED = frozenset({"function", "schema", "sequence", "database", "type", "domain", "language", "procedure", "all"})


@dataclass(frozen=True, kw_only=True)
class Act:
    """An effect on one object: created, altered, dropped."""

    verb: str
    """create, alter, drop, add (to a table), write (rows), comment, grant, refresh or reindex."""
    kind: str
    """table, index, type, function, column ..."""
    name: str = ""
    """The object's name as PostgreSQL reads it, `schema.name` where written so; empty where it is not known."""
    table: str = ""
    """The table that it hangs on; of a table, itself."""
    guarded: bool = False
    """IF [NOT] EXISTS or OR REPLACE."""
    concurrently: bool = False
    temporary: bool = False
    value: str = ""
    """The new value of `ALTER TYPE ... ADD VALUE`."""
    parent: str = ""
    """Parent of a table that is created or attached as a partition."""


def acts_of_sql(sql: str) -> tuple[Act, ...]:
    """The effects of a SQL text, in order."""
    return tuple(act for statement in statements(sql) for act in acts_of(statement))


def acts_of(statement: Statement) -> tuple[Act, ...]:
    """What one statement does; nothing where it only reads, or is beyond this grammar."""
    reader = _Reader(statement.tokens)
    parse = _PARSERS.get(reader.word())
    return tuple(parse(reader)) if parse else ()


class _Reader:
    """A place in the tokens of a statement."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.at = 0

    def word(self) -> str:
        """The next token when it is a word; it stays next."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else Token("", "")
        return token.text if token.kind == "word" else ""

    def take(self, *words: str) -> bool:
        """Go past these words if they are next."""
        if self.tokens[self.at : self.at + len(words)] != tuple(zip(repeat("word"), words, strict=False)):
            return False
        self.at += len(words)
        return True

    def skip(self, words: frozenset[str]) -> None:
        """Go past any of these words."""
        while self.word() in words:
            self.at += 1

    def name(self) -> str:
        """A name, with its schema; empty when none is next."""
        parts = []
        while self.at < len(self.tokens) and self.tokens[self.at].kind in {"word", "quoted"}:
            parts.append(self.tokens[self.at].text)
            self.at += 1
            if not self.sign("."):
                break
        return ".".join(parts)

    def sign(self, sign: str) -> bool:
        """Go past a sign such as a comma if it is next."""
        found = self.at < len(self.tokens) and self.tokens[self.at] == Token("other", sign)
        self.at += found
        return found

    def names(self) -> Iterator[str]:
        """Names separated by commas."""
        while name := self.name():
            yield name
            if not self.sign(","):
                return

    def seek(self, *words: str) -> bool:
        """Go past the next place where these words stand, outside of parentheses."""
        depth = 0
        for at in range(self.at, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[at].text, 0) if self.tokens[at].kind == "other" else 0
            ahead = self.tokens[at : at + len(words)]
            if not depth and tuple(t.text for t in ahead if t.kind == "word") == words:
                self.at = at + len(words)
                return True
        return False

    def kind(self) -> str:
        """The kind of object that is named next."""
        for pair in _TWO_WORDS:
            if self.take(*pair):
                return pair[1] if pair[0] != "event" else "event trigger"
        kind = self.word()
        self.at += 1
        return kind

    def if_exists(self) -> bool:
        """Go past IF EXISTS or IF NOT EXISTS."""
        return self.take("if", "not", "exists") or self.take("if", "exists")


def _create(reader: _Reader) -> Iterator[Act]:
    reader.take("create")
    replaced = reader.take("or", "replace")
    reader.skip(_ADJECTIVES)
    temporary = reader.take("temp") or reader.take("temporary")
    reader.skip(_ADJECTIVES)
    kind = reader.kind()
    concurrently = reader.take("concurrently")
    guarded = reader.if_exists() or replaced
    act = Act(verb="create", kind=kind, guarded=guarded, concurrently=concurrently, temporary=temporary)
    if kind == "index" and reader.word() == "on":
        yield replace(act, table=_on(reader))
        return
    name = reader.name()
    if kind in _ON_A_TABLE:
        yield replace(act, name=name, table=_on(reader))
    else:
        parent = reader.name() if kind == "table" and reader.take("partition", "of") else ""
        yield replace(act, name=name, table=name if kind == "table" else "", parent=parent)


def _on(reader: _Reader) -> str:
    if not reader.seek("on"):
        return ""
    reader.take("only")
    return reader.name()


def _drop(reader: _Reader) -> Iterator[Act]:
    reader.take("drop")
    kind = reader.kind()
    if kind == "owned":
        return
    concurrently = reader.take("concurrently")
    act = Act(verb="drop", kind=kind, guarded=reader.if_exists(), concurrently=concurrently)
    if kind in _ON_A_TABLE - {"index"}:
        yield replace(act, name=reader.name(), table=_on(reader))
        return
    for name in reader.names():
        yield replace(act, name=name, table=name if kind == "table" else "")


def _alter(reader: _Reader) -> Iterator[Act]:
    reader.take("alter")
    kind = reader.kind()
    if kind == "default":
        return
    reader.if_exists()
    reader.take("only")
    name = reader.name()
    if kind == "type" and reader.take("add", "value"):
        guarded = reader.if_exists()
        token = reader.tokens[reader.at] if reader.at < len(reader.tokens) else Token("", "")
        value = string_value(token) if token.kind == "string" else ""
        yield Act(verb="add", kind="value", name=name, guarded=guarded, value=value)
        return
    if kind in _ON_A_TABLE - {"index"}:
        yield Act(verb="alter", kind=kind, name=name, table=_on(reader), guarded=True)
        return
    yield Act(verb="alter", kind=kind, name=name, table=name if kind == "table" else "", guarded=True)
    if kind == "table" and reader.take("attach", "partition"):
        part = reader.name()
        yield Act(verb="alter", kind=kind, name=part, table=part, guarded=True, parent=name)
    elif kind == "table":
        yield from _parts(reader, name)


def _parts(reader: _Reader, table: str) -> Iterator[Act]:
    """The comma-separated actions of ALTER TABLE."""
    while True:
        verb = reader.word()
        if verb in {"add", "drop"}:
            reader.at += 1
            kind = "constraint" if reader.take("constraint") else "column"
            named = reader.take("column") or kind == "constraint"
            guarded = reader.if_exists()
            if named or reader.word() not in {"primary", "unique", "check", "foreign", "exclude"}:
                yield Act(verb=verb, kind=kind, name=reader.name(), table=table, guarded=guarded)
        if not _next_part(reader):
            return


def _next_part(reader: _Reader) -> bool:
    depth = 0
    while reader.at < len(reader.tokens):
        token = reader.tokens[reader.at]
        reader.at += 1
        if token.kind == "other":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == "," and not depth:
                return True
    return False


def _write(reader: _Reader) -> Iterator[Act]:
    """INSERT, UPDATE, DELETE, MERGE, also behind WITH: tables whose rows change."""
    while reader.at < len(reader.tokens):
        found = reader.take("insert", "into") or reader.take("delete", "from") or reader.take("merge", "into")
        if found or (not _is_clause(reader) and reader.take("update")):
            reader.take("only")
            if table := reader.name():
                yield Act(verb="write", kind="rows", name=table, table=table)
        else:
            reader.at += 1


def _is_clause(reader: _Reader) -> bool:
    """FOR UPDATE and ON CONFLICT DO UPDATE name no table."""
    before = reader.tokens[reader.at - 1] if reader.at else Token("", "")
    return before.kind == "word" and before.text in {"for", "do", "on", "key", "or"}


def _truncate(reader: _Reader) -> Iterator[Act]:
    reader.take("truncate")
    reader.take("table")
    reader.take("only")
    for name in reader.names():
        yield Act(verb="write", kind="rows", name=name, table=name)


def _comment(reader: _Reader) -> Iterator[Act]:
    if not reader.take("comment", "on"):
        return
    kind = reader.kind()
    name = reader.name()
    act = Act(verb="comment", kind=kind, name=name, guarded=True)
    if kind == "column":
        yield replace(act, table=name.rpartition(".")[0])
    elif kind in _ON_A_TABLE - {"index"}:
        yield replace(act, table=_on(reader))
    else:
        yield replace(act, table=name if kind == "table" else "")


def _grant(reader: _Reader) -> Iterator[Act]:
    if not reader.seek("on") or reader.word() in _GRANTED:
        return
    reader.take("table")
    for name in reader.names():
        yield Act(verb="grant", kind="table", name=name, table=name, guarded=True)


def _reindex(reader: _Reader) -> Iterator[Act]:
    reader.take("reindex")
    kind = reader.kind()
    concurrently = reader.take("concurrently")
    name = reader.name()
    yield Act(
        verb="reindex",
        kind=kind,
        name=name,
        table=name if kind == "table" else "",
        concurrently=concurrently,
        guarded=True,
    )


_PARSERS = {
    "create": _create,
    "drop": _drop,
    "alter": _alter,
    "insert": _write,
    "update": _write,
    "delete": _write,
    "merge": _write,
    "with": _write,
    "truncate": _truncate,
    "comment": _comment,
    "grant": _grant,
    "revoke": _grant,
    "reindex": _reindex,
}
