"""Looking at plain data of which parts may be missing or of the wrong type; such parts are skipped.

The shape's own faults are told elsewhere; the rules must still see everything that is sound beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.document import Key


class Unfilled(str):
    """A text whose `${VAR}` could not be filled; no rule judges it."""

    __slots__ = ()


def at(plain: Any, *key: str | int) -> Any:
    """The value at `key`, None when there is none."""
    for part in key:
        try:
            plain = plain[part]
        except (KeyError, IndexError, TypeError):
            return None
    return plain


def items(plain: Any, *key: str | int) -> Iterator[tuple[Key, str, dict[str, Any]]]:
    """The mappings in the mapping at `key`: where, name, content."""
    found = at(plain, *key)
    for name, content in found.items() if isinstance(found, dict) else ():
        if isinstance(content, dict):
            yield (*key, name), name, content


def elements(plain: Any, *key: str | int) -> Iterator[tuple[Key, Any]]:
    """The values of the list at `key`."""
    found = at(plain, *key)
    for index, value in enumerate(found if isinstance(found, list) else ()):
        yield (*key, index), value


def texts(plain: Any, *key: str | int) -> Iterator[tuple[Key, str]]:
    """The text at `key`, or the texts of the list there."""
    found = at(plain, *key)
    if is_text(found):
        yield key, found
        return
    for place, value in elements(plain, *key) if isinstance(found, list) else ():
        if is_text(value):
            yield place, value


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a rule can judge it as a text."""
    return isinstance(value, str) and not isinstance(value, Unfilled)
