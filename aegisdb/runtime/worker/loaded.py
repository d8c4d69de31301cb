"""What this process has imported or read: files of no installed package, and where packages are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import files_read

if TYPE_CHECKING:
    from .channel import Message

_INSTALLED = ("site-packages", "dist-packages")
_before: dict[str, str] = {}
"""Files of the modules that were there when workers were first forked: looking at hundreds takes a fork 7 ms."""


def note_before_forks() -> None:
    """Remember what every fork has."""
    _before.update({name: _file(module) for name, module in list(sys.modules.items())})


def loaded() -> Message:
    """Tell both; the standard library and this worker's own modules are left out."""
    library, own = Path(os.__file__).parent, Path(__file__).parent
    places = sorted({entry for entry in sys.path if Path(entry).name in _INSTALLED})
    left_out = (f"{library}/", f"{own}/", *(f"{place}/" for place in places))
    files = {_before.get(name) or _file(module) for name, module in list(sys.modules.items())}
    files.update(files_read.everything())
    return {"files": sorted(file for file in files if file and not file.startswith(left_out)), "places": places}


def _file(module: object) -> str:
    return str(getattr(module, "__file__", None) or "")
