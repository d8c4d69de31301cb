"""The JSON document: keys, types, masking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aegisdb.errors import Problem
from aegisdb.output.envelope import envelope
from aegisdb.output.outcome import Outcome
from aegisdb.postgres.address import Secret
from aegisdb.results import Result


@dataclass(frozen=True, kw_only=True)
class Everything(Result):
    path: Path = Path("a/b")
    when: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    secret: Secret = field(default_factory=lambda: Secret("hunter"))
    rows: Mapping[str, int] = field(default_factory=lambda: {"skills": 3})
    names: frozenset[str] = frozenset({"b", "a"})
    nothing: str | None = None


@dataclass(frozen=True, kw_only=True)
class Status(Result):
    services: tuple[Everything, ...] = ()
    database: str = "aegis"


def document(outcome: Outcome) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(envelope(outcome, lambda text: text.replace("hunter", "***")))
    return parsed


def test_every_type_becomes_plain_json() -> None:
    result = document(Outcome(command="x", result=Everything()))["result"]
    assert result == {
        "path": "a/b",
        "when": "2026-01-02T03:04:05+00:00",
        "secret": "***",
        "rows": {"skills": 3},
        "names": ["a", "b"],
        "nothing": None,
    }


def test_services_stand_under_their_own_key_and_the_rest_beside() -> None:
    shown = document(Outcome(command="migrate.status", target="local", result=Status(services=(Everything(),))))
    assert list(shown) == ["version", "command", "target", "ok", "exit_code", "services", "result", "errors"]
    assert shown["result"] == {"database": "aegis"}


def test_a_failure_has_no_result_but_all_errors() -> None:
    problem = Problem(code="drift", message="hunter was here", hint="look", where="x:1")
    shown = document(Outcome(command="x", problems=(problem,), exit_code=6))
    assert (shown["ok"], shown["exit_code"]) == (False, 6)
    assert "result" not in shown
    assert "services" not in shown
    assert shown["errors"] == [{"code": "drift", "message": "*** was here", "hint": "look", "where": "x:1"}]
