"""`python -m aegisdb.doctor`: write the table of findings into docs/doctor.md."""

from __future__ import annotations

from pathlib import Path

from aegisdb.doctor.checks import with_reference

if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs" / "doctor.md"
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
