"""Keys and types of services.yaml, judged by pydantic over the dataclasses of `types`.

Imported only when the draft is not cached.
"""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from aegisdb.registry.choice import Choice, did_you_mean
from aegisdb.registry.kinds import keys_of
from aegisdb.registry.problems import Problem
from aegisdb.registry.types import RegistryFile

if TYPE_CHECKING:
    from aegisdb.registry.document import Key

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
}


@cache
def adapter() -> TypeAdapter[RegistryFile]:
    """Pydantic's view of the registry; also the source of the JSON schema."""
    return TypeAdapter(RegistryFile)


def shape_problems(plain: Any) -> list[Problem]:
    """Unknown and missing keys and wrong types of the whole file."""
    try:
        # strict JSON mode: lists become tuples, but "5432" does not become a number
        adapter().validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        return [_problem(plain, dict(item)) for item in error.errors(include_url=False)]
    return []


def _problem(plain: Any, error: dict[str, Any]) -> Problem:
    # variants of a Choice appear in pydantic's location as <tag>
    key: Key = tuple(part for part in error["loc"] if not str(part).startswith("<"))
    kind = error["type"]
    if kind == "unexpected_keyword_argument":
        known = _known_keys(error["loc"][:-1])
        guess = did_you_mean(str(key[-1]), known)
        return Problem(key, "unknown key", f"{guess}allowed: {', '.join(known)}", at_key=True)
    if kind == "missing":
        return Problem(key, "this key is missing", at_key=True)
    if kind == "choice":
        return Problem(key, error["msg"], _choice(error["loc"]).hint(_at(plain, key)).strip())
    if kind == "literal_error":
        return Problem(key, f"expected {error['ctx']['expected']}")
    expected = _EXPECTED.get(kind, error["msg"])
    value = _at(plain, key)
    hint = "put it in quotes" if kind == "string_type" and not isinstance(value, dict | list | None) else ""
    return Problem(key, f"expected {expected}, found {_kind(value)}", hint)


def _at(plain: Any, key: Key) -> Any:
    for part in key:
        plain = plain[part]
    return plain


def _kind(value: Any) -> str:
    # the value itself is not told: it may be a password
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds: dict[type, str] = {str: "a text", dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _known_keys(location: Key) -> list[str]:
    return keys_of(_type_at(location))


def _choice(location: Key) -> Choice:
    choice = _choice_of(_type_at(location))
    assert choice is not None  # noqa: S101 - only a Choice reports this error
    return choice


def _type_at(location: Key) -> Any:
    kind: Any = RegistryFile
    for part in location:
        kind = _inside(_plain_type(kind), part)
    return _plain_type(kind)


def _plain_type(kind: Any) -> Any:
    """`X` of `X | None`; unions of several variants are annotated with a Choice and stay."""
    if _choice_of(kind):
        return kind
    members = [member for member in get_args(kind) if member is not type(None)]
    return members[0] if type(None) in get_args(kind) else kind


def _choice_of(kind: Any) -> Choice | None:
    found = [extra for extra in getattr(kind, "__metadata__", ()) if isinstance(extra, Choice)]
    return found[0] if found else None


def _inside(kind: Any, part: str | int) -> Any:
    if choice := _choice_of(kind):
        return choice.variants()[str(part)]
    if is_dataclass(kind):
        return get_type_hints(kind, include_extras=True)[str(part)]
    arguments = get_args(kind)
    return arguments[1] if get_origin(kind) is dict else arguments[0]
