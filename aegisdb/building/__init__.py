"""Makes databases: from nothing, or as a copy of a template kept under a hash of everything that went into it."""

from __future__ import annotations

from aegisdb.building.levels import LEVELS, Level, build, fill
from aegisdb.building.templates import template

__all__ = ["LEVELS", "Level", "build", "fill", "template"]
