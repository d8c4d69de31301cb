"""What makes services.yaml unreadable, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import RegistryError
from aegisdb.registry import load
from tests.registry.registries import SOUND, edited, faults, read, write

ENTITY_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "m0: &m0 {k: v}\n" + "".join(
    f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}], k{i}: v}}\n" for i in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1 the registry is empty"),
        ("# only a comment\n", "1:1 the registry is empty"),
        ("null\n", "1:1 the registry is empty"),
        ("- a\n- b\n", "1:1 the registry is not a mapping"),
        ("text\n", "1:1 the registry is not a mapping"),
        ("version: 1\nproject:\n\tname: x\n", "3:1 a tab where YAML wants spaces"),
        ("version: 1\n---\nversion: 1\n", "2:1 a second YAML document begins here"),
        ("version: 1\nproject: 'demo\n", "not readable as YAML"),
        ("%YAML 1.3\n---\nversion: 1\n", "1:1 not readable as YAML: its version is not 1.1 or 1.2"),
        ("# first\n%YAML 2.0\n---\nversion: 1\n", "not readable as YAML"),
        ("version: 1\nproject: a: b\n", "2:11 not readable as YAML"),
        ("targets: {a: {url: ${X}}}\n", 'in quotes: "${VAR}"'),
        ("version: 1\nproject: \x07\n", "2:10 a control character"),
        ("project: !!python/object/apply:os.system [true]\n", "1:10 the YAML tag tag:yaml.org,2002:python"),
        ("project: *missing\n", "1:10 the alias *missing has no anchor"),
        ("project: &a [*a]\n", "1:14 *a stands inside &a"),
        ("[" * 5000, "1:42 nested more than 40 levels deep"),
        ("a: &a x\nb: [" + "*a, " * 51 + "]\n", "more than 50 aliases"),
        (ENTITY_BOMB, "expand to more than 100000 values"),
        (MERGE_BOMB, "aliases and merge keys expand to more than 100000 values"),
        ("x: &x {k: v}\n" + "a" * 1_000_000, "1:1 larger than 1000 kB"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    (only,) = faults(tmp_path, text)
    assert fault in only


@pytest.mark.parametrize("content", [b"version: \xff\n", "version: 1".encode("utf-16")])
def test_other_encodings_than_utf8_are_named(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path)
    path.write_bytes(content)
    with pytest.raises(RegistryError, match="not UTF-8"):
        load(path, {})


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert load(path, {}).file.project == "demo"


def test_duplicate_keys_are_all_told(tmp_path: Path) -> None:
    text = SOUND + "  shop:\n    path: shop\nproject: again\n"
    assert faults(tmp_path, text) == [
        "14:3 duplicate key `shop`: it is already on line 10 -> keep one of the two",
        "16:1 duplicate key `project`: it is already on line 2 -> keep one of the two",
    ]


@pytest.mark.parametrize(("key", "quoted"), [("5", '"5"'), ("true", '"True"'), ("null", "texts"), ("[a]", "texts")])
def test_keys_that_are_no_texts(tmp_path: Path, key: str, quoted: str) -> None:
    (only,) = faults(tmp_path, edited("  local:", f"  ? {key}\n  : {{server: embedded}}\n  local:"))
    assert "4:5 this key is not a text" in only
    assert quoted in only


def test_no_and_on_are_texts_as_yaml_1_2_says(tmp_path: Path) -> None:
    assert list(read(tmp_path, edited("  local:", "  no:")).file.targets) == ["no"]


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = edited("  local: {server: embedded}\n", "  local: &e {server: embedded}\n  other: {<<: *e, port: 6000}\n")
    registry = read(tmp_path, text)
    assert [getattr(target, "port", 0) for target in registry.file.targets.values()] == [5432, 6000]


def test_a_line_that_holds_a_password_is_not_quoted(tmp_path: Path) -> None:
    (only,) = faults(tmp_path, edited("password: ${DEMO_PASSWORD:-demo}", "password: 'C4n%a@r/y' x"))
    assert "C4n" not in only
