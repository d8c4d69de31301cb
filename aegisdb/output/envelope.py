"""The one JSON document that a command prints with `--format json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aegisdb.plain_text import escaped_json

if TYPE_CHECKING:
    from aegisdb.errors import Problem
    from aegisdb.output.outcome import Outcome

VERSION = 1
"""Version of the envelope: a consumer may rely on its keys as long as this stays the same."""


def envelope(outcome: Outcome, mask: Callable[[str], str]) -> str:
    """The document, with every string masked; `services` or `result` is left out when there is nothing to show."""
    document: dict[str, Any] = {
        "version": VERSION,
        "command": outcome.command,
        "target": outcome.target,
        "ok": outcome.exit_code == 0,
        "exit_code": outcome.exit_code,
        **_payload(outcome.result),
        "errors": [_error(problem) for problem in outcome.problems],
    }
    return escaped_json(json.dumps(_masked(document, mask), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """The value as JSON knows it; dataclasses become objects, sets become sorted lists, a Secret stays `***`."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime | date | clock_time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, PurePath | UUID):
        return str(value)
    return str(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(plain(key))


def _payload(result: Any) -> dict[str, Any]:
    if result is None:
        return {}
    fields = {name: value for name, value in plain(result).items() if name != "problems"}
    payload = {"services": fields.pop("services")} if "services" in fields else {}
    # a result with services may carry more than them; that more stands beside, never inside
    return payload | ({"result": fields} if fields or not payload else {})


def _error(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message, "hint": problem.hint, "where": problem.where}


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(key): _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    return value
