"""`aegisdb`, or `python -m aegisdb.tasks`: the tasks without any tasks.py."""

from __future__ import annotations

from aegisdb.cli.program import AegisProgram
from aegisdb.output.spelling import type_as

from . import ns


def main() -> None:
    """Run what was typed."""
    type_as("aegisdb")
    AegisProgram(ns).run()


if __name__ == "__main__":
    main()
