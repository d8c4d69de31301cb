"""The JSON schema of services.yaml, for editors.

`python -m aegisdb.registry.schema` writes docs/services.schema.json and the tables of docs/registry.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aegisdb.files import replace_file
from aegisdb.registry.key_tables import PAGE, with_tables
from aegisdb.registry.kinds import SEEDS, TARGETS, keys_of
from aegisdb.registry.shape import adapter

OUTPUT = Path("docs") / "services.schema.json"


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12, derived from the dataclasses of `types`."""
    described = adapter().json_schema(mode="validation")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "services.yaml"}
    for kind in (*TARGETS.all().values(), *SEEDS.all().values()):
        properties = described["$defs"][kind.__name__]["properties"]
        described["$defs"][kind.__name__]["properties"] = {key: properties[key] for key in keys_of(kind)}
    return {**head, **_without_titles(described)}


def _without_titles(value: Any) -> Any:
    """Pydantic's titles repeat the keys; editors show them instead of the descriptions."""
    if isinstance(value, dict):
        return {
            key: _without_titles(child)
            for key, child in value.items()
            if not (key == "title" and isinstance(child, str))
        }
    return [_without_titles(child) for child in value] if isinstance(value, list) else value


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    replace_file(OUTPUT, text())
    replace_file(PAGE, with_tables(PAGE.read_text(encoding="utf-8"), schema()))
