"""Conventions of revisions, judged from their trees: a file in `rules/` and a page in docs/lint for each rule."""

from __future__ import annotations

from aegisdb.lint.linter import Linted, check, rules
from aegisdb.lint.rule import Context, Finding, RevisionFile, Rule

__all__ = ["Context", "Finding", "Linted", "RevisionFile", "Rule", "check", "rules"]
