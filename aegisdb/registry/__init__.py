"""services.yaml: targets, base schema, services, owners, seeds and order."""

from __future__ import annotations

from aegisdb.registry.assembly import load
from aegisdb.registry.locate import find_registry

__all__ = ["find_registry", "load"]
