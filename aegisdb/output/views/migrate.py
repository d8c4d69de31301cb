"""Text views of the migrate tasks; those of the proofs stand in a module of their own."""

from __future__ import annotations

from aegisdb.output.views import roundtrip

VIEWS = {**roundtrip.VIEWS}
