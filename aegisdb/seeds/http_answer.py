"""Reading of HTTP answers: by their own charset, and judged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXCERPT = 300
_NESTED = "its body is JSON that is nested too deep to be read"


@dataclass(frozen=True)
class Answer:
    """What came back; `data` is the body as JSON, None where it is not JSON, and `fault` why it cannot be judged."""

    status: int
    location: str
    text: str
    data: Any
    fault: str = ""


def read_body(status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
    """The answer of `raw`; `headers` by their names in small letters."""
    kind = Message()
    kind["content-type"] = headers.get("content-type", "")
    text, data, fault = _read_json(raw, kind.get_content_charset(""))
    coding = headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        text, data, fault = "", None, f"its body is packed as {coding}, which was not asked for"
    elif fault != _NESTED and not (raw and kind.get_content_subtype().endswith("json")):
        fault = ""  # text, or a page; what it filled tells the rest
    return Answer(status, headers.get("location", ""), text, data, fault)


def _read_json(raw: bytes, charset: str) -> tuple[str, Any, str]:
    """Text, JSON and why there is none; by the charset that was told, then by the one that the first bytes show."""
    text, fault = raw.decode(errors="replace"), ""
    for encoding in (charset, json.detect_encoding(raw)):
        try:
            text = raw.decode(encoding or "ascii").removeprefix("\ufeff")
            return text, json.loads(text), ""
        except (LookupError, ValueError) as error:
            fault = fault or f"its body is no JSON: {error}"
        except RecursionError:
            return text, None, _NESTED
    return text, None, fault


def complaint(answer: Answer) -> str:
    """Why this answer is no success, in a few words; empty when it is one.

    A 2xx whose JSON says otherwise is a failure: `ok` or `success` false, `error` or `errors` given, `status` error, in
    an object or in one of a list. So is JSON that cannot be read.
    """
    if 300 <= answer.status < 400:  # noqa: PLR2004  the redirects
        return f"answered {answer.status} and points to {answer.location or 'nowhere'}: a seed is never redirected"
    said = _error_in(answer.data)
    if not 200 <= answer.status < 300:  # noqa: PLR2004  the successes
        return f"answered {answer.status}: {said or excerpt(answer.text or answer.fault)}"
    if said:
        return f"answered {answer.status}, but its body says: {said}"
    return f"answered {answer.status}, but {answer.fault}" if answer.fault else ""


def _error_in(data: Any) -> str:
    for part in data if isinstance(data, list) else [data]:
        if isinstance(part, dict) and (said := _error_of(part)):
            return said
    return ""


def _error_of(data: dict[str, Any]) -> str:
    for key in ("error", "errors"):
        if data.get(key):
            return excerpt(data[key])
    refused = data.get("ok") is False or data.get("success") is False
    status = data.get("status")
    refused = refused or (isinstance(status, str) and status.lower() in {"error", "failed", "failure"})
    return excerpt(data) if refused else ""


def excerpt(told: Any) -> str:
    """What was told in one line of bounded length: text, or JSON again; a page is read as its text."""
    text = told if isinstance(told, str) else _as_json(told)
    # an error page in HTML says one sentence in 400 characters
    page = (
        re.sub(r"(?is)<(title|style|script)\b.*?</\1\s*>|<[^>]*>", " ", text) if text.lstrip().startswith("<") else text
    )
    line = " ".join(page.split())
    return line[:_EXCERPT] + ("..." if len(line) > _EXCERPT else "") if line else "no body"


def _as_json(told: Any) -> str:
    try:
        return json.dumps(told)
    except RecursionError:  # it was read with less of the stack in use
        return "JSON that is nested too deep to be shown"
