"""`python -m aegisdb.doctor`: write the table of findings into docs/doctor.md."""

from __future__ import annotations

from pathlib import Path

from aegisdb.doctor.checks import with_reference
from aegisdb.files import replace_file

if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs" / "doctor.md"
    replace_file(page, with_reference(page.read_text("utf-8")))
