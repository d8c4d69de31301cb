"""The oldest SQLAlchemy that the worker's statements and events work with."""

from __future__ import annotations

import sqlalchemy

from .error_report import Refusal

_OLDEST = (1, 4)


def require_sqlalchemy() -> None:
    """Refuse an older one by its version, before an attribute that it lacks is missed."""
    if tuple(map(int, sqlalchemy.__version__.split(".")[:2])) < _OLDEST:
        told = f"the service's environment has SQLAlchemy {sqlalchemy.__version__}"
        raise Refusal("environment", f"{told}; 1.4 is the oldest that aegisdb runs", "install 1.4 or newer there")
