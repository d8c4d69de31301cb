"""SARIF 2.1.0, the format of code scanning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aegisdb.plain_text import escaped_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.reporting.marks import Mark

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(marks: Iterable[Mark]) -> str:
    """The document. Paths are relative to the registry's directory, which is SARIF's `%SRCROOT%`."""
    from aegisdb import __version__

    listed = tuple(marks)
    rules = sorted({mark.rule for mark in listed})
    run = {
        "tool": {"driver": {"name": "aegisdb", "version": __version__, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(mark, rules) for mark in listed],
    }
    return (
        escaped_json(json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False))
        + "\n"
    )


def _rule(identifier: str) -> dict[str, Any]:
    from aegisdb.lint import rules

    known = rules().get(identifier)
    about: dict[str, Any] = {"id": identifier}
    if known is not None:
        about |= {"shortDescription": {"text": known.summary}, "help": {"text": known.fix}}
    return about


def _result(mark: Mark, rules: list[str]) -> dict[str, Any]:
    text = f"{mark.message}. {mark.fix}" if mark.fix else mark.message
    result: dict[str, Any] = {
        "ruleId": mark.rule,
        "ruleIndex": rules.index(mark.rule),
        "level": "error",
        "message": {"text": text},
    }
    if mark.path:
        place = {
            "artifactLocation": {
                "uri": quote(mark.path.replace("\\", "/"), errors="surrogateescape"),
                "uriBaseId": "%SRCROOT%",
            },
            "region": {"startLine": max(mark.line, 1)},
        }
        result["locations"] = [{"physicalLocation": place}]
    return result
