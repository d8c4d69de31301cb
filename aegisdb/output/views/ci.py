"""The view of the root task `ci`."""

from __future__ import annotations

from aegisdb.output.views import lint

VIEWS = lint.VIEWS
