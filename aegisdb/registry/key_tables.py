"""The tables of keys in docs/registry.md, made from the JSON schema by `python -m aegisdb.registry.schema`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aegisdb.registry.kinds import SEEDS, TARGETS

PAGE = Path("docs") / "registry.md"
BEGIN, END = "<!-- keys: made by `python -m aegisdb.registry.schema` -->", "<!-- /keys -->"


def _sections() -> dict[str, str]:
    """Headings by the names of the classes, in the page's order."""
    return {
        "": "Top level",
        **{kind.__name__: kind.HEADING for kind in TARGETS.all().values()},
        "Database": "`database`",
        "SnapshotLimits": "`snapshots`",
        "Fleet": "`fleets.NAME`",
        "Members": "`fleets.NAME.members`",
        "Stage": "an entry of `fleets.NAME.stages`",
        "Service": "`services.NAME`",
        "AlembicSettings": "`services.NAME.alembic`",
        **{kind.__name__: kind.HEADING for kind in SEEDS.all().values()},
    }


def with_tables(page: str, schema: dict[str, Any]) -> str:
    """The page with fresh tables between its markers."""
    sections = _sections()
    missing = set(schema["$defs"]) - set(sections)
    assert not missing, f"add {missing} to the sections of {__name__}"  # noqa: S101 - for the author of a new class
    parts = [_section(title, schema["$defs"][name] if name else schema) for name, title in sections.items()]
    between = f"{BEGIN}\n{''.join(parts)}{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _match: between, page, flags=re.DOTALL)


def _section(title: str, kind: dict[str, Any]) -> str:
    rows = [
        f"| `{key}` | {_type(value)} | {_default(key, value, kind)} | {value['description']} |\n"
        for key, value in kind["properties"].items()
    ]
    head = f"### {title}\n{kind['description']}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
    return f"{head}{''.join(rows)}\n"


def _default(key: str, value: dict[str, Any], kind: dict[str, Any]) -> str:
    if key in kind.get("required", ()):
        return "required"
    default = value.get("default")
    return f"`{json.dumps(default)}`" if default not in (None, "", []) else ""


def _type(value: dict[str, Any]) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if "$ref" in value or "properties" in value:
        return "mapping"
    variants = [one for one in value.get("anyOf", value.get("oneOf", ())) if one.get("type") != "null"]
    if variants:
        return " or ".join(dict.fromkeys(_type(one) for one in variants))
    if value.get("type") == "array":
        return f"list of {_plural(_type(value['items']))}"
    if value.get("type") == "object":
        return f"name: {_type(value['additionalProperties'])}"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return names[value["type"]]


def _plural(word: str) -> str:
    return " or ".join(f"{one}s" for one in word.split(" or "))
