"""What env.py gives Alembic as `target_metadata`: a MetaData, a list, or something that only autogenerate meets.

An upgrade never looks at it, so a class or a module that got into the list stays there for years.
"""

from __future__ import annotations

from typing import Any


def sorted_out(given: Any) -> tuple[Any, tuple[str, ...]]:
    """What Alembic can compare, in the form it was given in, and the names of the rest; None where nothing is left."""
    from sqlalchemy import MetaData

    if not isinstance(given, (list, tuple)):
        usable = isinstance(given, MetaData)
        return (given, ()) if given is None or usable else (None, (_name(given),))
    kept = [one for one in given if isinstance(one, MetaData)]
    names = tuple(_name(one) for one in given if one is not None and not isinstance(one, MetaData))
    if len(kept) == len(given):
        return given, ()
    return kept or None, names


def _name(thing: Any) -> str:
    # its repr may hold anything
    return str(getattr(thing, "__name__", None) or f"an object of type {type(thing).__name__}")
