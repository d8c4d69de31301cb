"""How one value of services.yaml may be written: names, modules, URLs and numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aegisdb.registry.lookup import texts
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.document import Key

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names."""

# compiled where something is looked at: of a registry that is known to be sound, that is little
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
OBJECT = r'[\w*?\[\]!"][\w*?\[\]!". $-]*'
OWNED = rf"{OBJECT}|(?:\w+\.)?[-+*/<>=~!@#%^&|`?\[\]]+"  # or an operator
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_SETTING = rf"{_VARIABLE}(\.{_VARIABLE})*:{_VARIABLE}(\.{_VARIABLE})*"
_DRIVER = r"[a-z][a-z0-9_]*"

NAME_HINT = f"letters, digits, _ - and . , not beginning with - or . , at most {MAX_NAME_BYTES} bytes"
OBJECT_HINT = 'a name or shell pattern such as skills, "checklist_*" or "oilgas.*"'


def match(pattern: str, key: Key, text: str, message: str, hint: str, *, at_key: bool = False) -> Iterator[Problem]:
    """A problem unless all of the text fits and PostgreSQL would not cut it."""
    # fullmatch: a $ would let a newline at the end pass
    if not re.fullmatch(pattern, text) or len(text.encode()) > MAX_NAME_BYTES:
        yield Problem(key, message, hint, at_key)


def connection_problems(key: Key, settings: Any) -> Iterator[Problem]:
    """What is wrong with the variable and the driver of a URL that a program of a service is given."""
    for place, text in texts(settings, "url_env"):
        hint = "letters, digits and _, not beginning with a digit, e.g. DATABASE_URL"
        yield from match(_VARIABLE, (*key, *place), text, "not usable as the name of an environment variable", hint)
    for place, text in texts(settings, "url_setting"):
        if not re.fullmatch(_SETTING, text):
            told = "not usable as a place in a program"
            yield Problem((*key, *place), told, "module and name, e.g. shop.config:settings.DATABASE_URL")
    for place, text in texts(settings, "driver"):
        if text:
            hint = "psycopg, asyncpg or psycopg2"
            yield from match(_DRIVER, (*key, *place), text, "not usable as a SQLAlchemy driver", hint)


def seed_problems(key: Key, seed: Any) -> Iterator[Problem]:
    """Problems of the tables that a seed fills, and of its deadline."""
    for place, text in texts(seed, "fills"):
        yield from match(OBJECT, (*key, *place), text, "not usable as a table name", 'e.g. wells or oilgas."Well"')
    timeout = seed.get("timeout")
    if isinstance(timeout, int | float) and timeout <= 0:
        yield Problem((*key, "timeout"), "a deadline is more than 0 seconds")
