"""What a step of a revision takes away from code that runs: drops, renames, and values that may no longer be."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.literals import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.effects import Act
    from aegisdb.lint.statements import Statement, Token
    from aegisdb.lint.steps import Step

_NAMED = frozenset({"table", "view", "type", "domain", "schema", "sequence", "function", "procedure"})
"""Kinds of objects that statements of code name, besides columns."""
_BESIDE = frozenset({"constraint", "index", "trigger", "rule", "policy"})
"""Kinds of objects that no statement of code names; without one of them more is allowed, not less."""
_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign", "exclude"})
_FILLED = frozenset({"default", "generated", "serial", "bigserial", "smallserial"})
_WIDEST = frozenset({"text", "varchar", "bigint", "int8", "biginteger", "numeric"})
"""Types without a size to which a change is taken for a wider one, where the type before is not written there."""
_WIDER = (("smallinteger", "integer", "biginteger"), ("string", "text"), ("varchar", "text"), ("numeric",))


def made_by(steps: tuple[Step, ...]) -> frozenset[str]:
    """The names of what these steps make: nothing uses it yet, or it takes the place of what is dropped."""
    made = (act for step in steps for act in step.acts if act.verb in {"create", "add"} and act.name)
    return frozenset(map(_shown, made))


def takings(step: Step, made: frozenset[str]) -> Iterator[str]:
    """Say what the step takes away; `made` is what the same revision makes."""
    for act in step.acts:
        if act.verb == "drop" and act.kind in {*_NAMED, "column"} and not made & {_shown(act), act.table}:
            yield f"it drops {act.kind} {_shown(act)}"
    for _, statement in step.statements():
        yield from _of_statement(statement, made)
    for act in () if step.raw else step.acts[:1]:
        if act.table not in made:
            yield from _of_operation(step, _shown(act))


def _shown(act: Act) -> str:
    name = f"{act.table}.{act.name}" if act.kind == "column" else act.name
    return name.replace(UNKNOWN, "?")


# -- calls of op


def _of_operation(step: Step, name: str) -> Iterator[str]:
    given = {keyword.arg: keyword.value for keyword in step.call.keywords if keyword.arg}
    if step.name == "rename_table":
        yield f"it renames table {name}"
    elif step.name == "add_column" and _is_required(step.call):
        yield f"it adds {name} NOT NULL without a default"
    elif step.name == "alter_column":
        if "new_column_name" in given:
            yield f"it renames column {name}"
        if _is(given.get("nullable"), value=False):
            yield f"it sets {name} NOT NULL"
        if _is(given.get("server_default"), value=None):
            yield f"it drops the default of {name}"
        if "type_" in given and (
            "postgresql_using" in given or not _widens(given.get("existing_type"), given["type_"])
        ):
            yield f"it changes the type of {name}"


def _is(node: ast.expr | None, *, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_required(call: ast.Call) -> bool:
    column = next((arg for arg in call.args if isinstance(arg, ast.Call)), None)
    if column is None:
        return False
    given = {keyword.arg: keyword.value for keyword in column.keywords}
    filled = any(_called(argument) in {"identity", "computed"} for argument in column.args)
    return _is(given.get("nullable"), value=False) and not filled and "server_default" not in given


def _widens(before: ast.expr | None, after: ast.expr) -> bool:
    """Whether each value of the type before is one of the type after, as far as the text tells."""
    was, now = _called(before), _called(after)
    if before is None:
        return now in _WIDEST and not _sizes(after)
    order = next((one for one in _WIDER if was in one and now in one), ())
    if not order or order.index(now) < order.index(was):
        return False
    old, new = _sizes(before), _sizes(after)
    return not new or (len(old) == len(new) and all(a <= b for a, b in zip(old, new, strict=True)))


def _called(node: ast.expr | None) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    return str(getattr(function, "attr", "") or getattr(function, "id", "")).lower()


def _sizes(node: ast.expr | None) -> list[int]:
    if not isinstance(node, ast.Call):
        return []
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    return [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, int) and v.value is not True]


# -- SQL


def _of_statement(statement: Statement, made: frozenset[str]) -> Iterator[str]:
    if statement.verb == "alter":
        kind, name, actions = _head(statement.tokens)
        if kind in _NAMED and name and name not in made:
            for action in actions:
                yield from _of_action(kind, name, action)


def _head(tokens: tuple[Token, ...]) -> tuple[str, str, Iterator[list[str]]]:
    """The kind and name of what is altered, and the words of each action."""
    kind, at = tokens[1].text if len(tokens) > 1 else "", 2
    if kind == "materialized":
        kind, at = "view", 3
    while at < len(tokens) and tokens[at].text in {"if", "exists", "only"}:
        at += 1
    name = ""
    while at < len(tokens) and tokens[at].kind in {"word", "quoted"}:
        name += tokens[at].text
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        name += "."
        at += 1
    return kind, name, _actions(tokens[at:])


def _actions(tokens: tuple[Token, ...]) -> Iterator[list[str]]:
    """Each action's words; what stands in parentheses is left out but for the first of them."""
    depth, words = 0, list[str]()
    for token in tokens:
        text = token.text if token.kind in {"word", "other"} else f'"{token.text}"'
        if text == "," and not depth:
            yield words
            words = []
            continue
        if text == "(" or not depth:
            words.append(text)
        depth += {"(": 1, ")": -1}.get(text, 0)
    yield words


def _of_action(kind: str, name: str, words: list[str]) -> Iterator[str]:
    if "rename" in words:
        what = words[words.index("rename") + 1]
        if what not in _BESIDE:
            part = next((word for word in words[words.index("rename") + 1 :] if word not in {"column", "value"}), "")
            yield f"it renames {kind} {name}" if what == "to" else f"it renames {part} of {kind} {name}"
    elif _has(words, "set", "schema"):
        yield f"it moves {kind} {name} to another schema"
    elif _has(words, "set", "not", "null"):
        yield f"it sets {_column(words)} of {kind} {name} NOT NULL"
    elif _has(words, "drop", "default") or _has(words, "drop", "identity"):
        yield f"it drops the default of {_column(words)} of {kind} {name}"
    elif words[:1] == ["alter"] and "type" in words:
        after = words[words.index("type") + 1 :]
        if "using" in after or "(" in after or not after or after[0] not in _WIDEST:
            yield f"it changes the type of {_column(words)} of {kind} {name}"
    elif (
        words[:1] == ["add"] and _has(words, "not", "null") and not (_CONSTRAINTS & {*words[1:2]} or _FILLED & {*words})
    ):
        yield f"it adds {_column(words)} to {kind} {name} NOT NULL without a default"


def _has(words: list[str], *wanted: str) -> bool:
    return any(tuple(words[at : at + len(wanted)]) == wanted for at in range(len(words)))


def _column(words: list[str]) -> str:
    return next((word for word in words[1:] if word not in {"column", "if", "not", "exists", "constraint"}), "?")
