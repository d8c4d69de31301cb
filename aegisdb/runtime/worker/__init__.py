"""Runs a service's env.py and revisions in a process of its own; needs the standard library and Alembic, nothing else.

The engine starts this DIRECTORY as a program (see `__main__`), often in an environment where aegisdb is not installed,
so modules here import each other relatively and nothing of the rest of aegisdb.
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent
"""The program: `python HOME ...` (see `__main__`)."""
