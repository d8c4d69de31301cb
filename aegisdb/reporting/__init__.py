"""Reports that other programs read: JUnit XML, SARIF, GitHub's annotations and Markdown. Pure texts, and one writer."""

from __future__ import annotations

from aegisdb.reporting.github import github_annotations
from aegisdb.reporting.junit import junit
from aegisdb.reporting.markdown import markdown
from aegisdb.reporting.marks import Mark, marks_of
from aegisdb.reporting.report_file import append_report, write_report
from aegisdb.reporting.sarif import sarif
from aegisdb.reporting.stages import Case, Stage

__all__ = [
    "Case",
    "Mark",
    "Stage",
    "append_report",
    "github_annotations",
    "junit",
    "markdown",
    "marks_of",
    "sarif",
    "write_report",
]
