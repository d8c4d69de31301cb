"""The pytest plugin: databases for tests, cloned from the templates (docs/testing.md).

pytest loads `plugin` into every run of an environment that has aegisdb, so importing this package imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aegisdb.testing.database import Database

__all__ = ["Database"]


def __getattr__(name: str) -> Any:
    if name != "Database":
        raise AttributeError(name)
    from aegisdb.testing.database import Database

    return Database
