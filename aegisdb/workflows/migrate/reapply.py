"""Reverts revisions and applies them again."""

from __future__ import annotations

from aegisdb.workflows.migrate.rollback import RollbackResult, reapply

__all__ = ["RollbackResult", "reapply"]
