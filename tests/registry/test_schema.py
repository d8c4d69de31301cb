"""docs/services.schema.json and docs/registry.md say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aegisdb.registry import key_tables, schema
from aegisdb.registry.reader import Reader

ROOT = Path(__file__).parents[2]


def plain(text: bytes) -> Any:
    tree = Reader().read(text)
    assert tree is not None
    return tree.plain()


def test_the_schema_is_current() -> None:
    assert (ROOT / schema.OUTPUT).read_text() == schema.text(), "run: python -m aegisdb.registry.schema"


def test_the_tables_of_keys_are_current() -> None:
    page = (ROOT / key_tables.PAGE).read_text()
    assert page == key_tables.with_tables(page, schema.schema()), "run: python -m aegisdb.registry.schema"
    assert page.count("| `version_table` |") == 1


def test_every_example_of_the_page_is_valid() -> None:
    examples = re.findall(
        r"^```yaml\n(version: 1\n.*?)^```", (ROOT / key_tables.PAGE).read_text(), re.MULTILINE | re.DOTALL
    )
    assert examples
    for example in examples:
        Draft202012Validator(schema.schema()).validate(plain(example.encode()))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema.schema())


def test_the_registry_of_this_repository_is_valid() -> None:
    Draft202012Validator(schema.schema()).validate(plain((ROOT / "services.yaml").read_bytes()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("server: embedded", "server: embeded"),
        ("version: 1", "version: 2"),
        ("owns:", "own:"),
        ("port: 5432", "port: x"),
    ],
)
def test_an_editor_sees_what_the_suite_would_refuse(old: str, new: str) -> None:
    text = (ROOT / "services.yaml").read_text()
    assert old in text
    assert list(Draft202012Validator(schema.schema()).iter_errors(plain(text.replace(old, new).encode())))


def test_every_key_is_described() -> None:
    definitions = [schema.schema(), *schema.schema()["$defs"].values()]
    undescribed = [key for one in definitions for key, value in one["properties"].items() if "description" not in value]
    assert undescribed == []


def test_the_file_says_where_its_schema_is() -> None:
    first = (ROOT / "services.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={schema.OUTPUT.as_posix()}"
    assert json.loads((ROOT / schema.OUTPUT).read_text())["$schema"].endswith("2020-12/schema")
