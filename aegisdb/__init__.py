"""aegisdb: database tasks for a monorepo whose services share one PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aegisdb.backfills import backfill as backfill

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load what revisions use of the package when one of them does."""
    if name == "backfill":
        from aegisdb.backfills import backfill

        return backfill
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
