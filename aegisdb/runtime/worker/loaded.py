"""What this process has imported: files of no installed package, and where packages are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Message

_INSTALLED = ("site-packages", "dist-packages")


def loaded() -> Message:
    """Tell both; the standard library and this worker's own modules are left out."""
    library, own = Path(os.__file__).parent, Path(__file__).parent
    places = sorted({entry for entry in sys.path if Path(entry).name in _INSTALLED})
    left_out = (f"{library}/", f"{own}/", *(f"{place}/" for place in places))
    files = {str(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())}
    return {"files": sorted(file for file in files if file and not file.startswith(left_out)), "places": places}
