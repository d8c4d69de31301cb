"""A URL that env.py takes from its application: `package.module:name`, with more names of what is inside after dots."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHERS = frozenset({"__main__", "alembic", "mako", "sqlalchemy", *getattr(sys, "stdlib_module_names", ())})
_LIKELY = re.compile("conf|setting", re.IGNORECASE)
_MOST = 50


def put(place: str, url: str) -> None:
    """Import the module and set what the place names, before anything reads it."""
    holder, name = _holder(place)
    if isinstance(holder, MutableMapping):
        holder[name] = url
        return
    old = getattr(holder, name, None)
    if hasattr(old, "render_as_string"):
        from sqlalchemy.engine.url import make_url

        setattr(holder, name, make_url(url))
    else:
        setattr(holder, name, url)


def _holder(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    *way, name = path.split(".")
    holder: Any = import_module(module)
    for step in way:
        holder = holder[step] if isinstance(holder, Mapping) else getattr(holder, step)
    return holder, name


def places(url: str) -> list[str]:
    """Places in the modules that are loaded where this URL stands, those first that look like settings."""
    found: list[str] = []
    seen: set[tuple[int, str]] = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OTHERS or name.startswith("_"):
            continue
        for path, holder, last in _named(module):
            if (id(holder), last) not in seen and last.isidentifier() and _text(_value(holder, last)) == url:
                seen.add((id(holder), last))
                found.append(f"{name}:{path}")
    return sorted(found, key=lambda place: (not _LIKELY.search(place), len(place)))[:_MOST]


def _named(module: Any) -> Iterator[tuple[str, Any, str]]:
    """What a module holds, and what its mappings, objects and classes hold: path, holder, last name."""
    for name, value in list(vars(module).items()):
        yield name, module, name
        inside = _inside(value)
        if isinstance(inside, Mapping) and not name.startswith("__") and "__path__" not in inside:
            yield from ((f"{name}.{key}", value, key) for key in list(inside) if isinstance(key, str))


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    try:
        # a proxy of another object, as Flask has them, raises where there is none
        return object.__getattribute__(value, "__dict__") if not isinstance(value, type) else vars(value)
    except (AttributeError, TypeError):
        return None


def _value(holder: Any, name: str) -> Any:
    return (_inside(holder) or {}).get(name)


def _text(value: Any) -> str:
    from sqlalchemy.engine.url import URL

    # of a proxy only its type can be asked without a risk; a URL hides its password
    if issubclass(type(value), URL):
        hidden = {"hide_password": False}
        return str(
            value.render_as_string(**hidden) if hasattr(value, "render_as_string") else value.__to_string__(**hidden)
        )
    return value if type(value) is str else ""
