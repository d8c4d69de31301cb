"""A service is added to services.yaml as text: every other byte stays."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from aegisdb.errors import AegisError
from aegisdb.files import replace_file
from aegisdb.registry import load
from aegisdb.registry.insertion import with_service
from tests.registry.registries import SOUND, edited, write

ENTRY = {"path": "stock", "alembic": {"version_table": "alembic_version_stock"}, "owns": ["stock_*"]}
BLOCK = """\
  stock:
    path: stock
    alembic: {version_table: alembic_version_stock}
    owns: ["stock_*"]
"""


def added(tmp_path: Path, text: str) -> str:
    """The file after the insertion; the service is really there when it is loaded."""
    path = write(tmp_path)
    path.write_bytes(text.encode())
    new, _lines = with_service(path, "stock", ENTRY)
    replace_file(path, new)
    assert load(path, {}).services["stock"].owns == ("stock_*",)
    return path.read_bytes().decode()


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        SOUND + "  # a comment about the last service\n",
        SOUND + "# a comment at the end\n",
        SOUND + "\n\n# about the next key\ndefault_target: local\n",
        SOUND + "default_target: local  # behind the services\n",
        SOUND.replace("services:\n", "services:  # who owns what\n\n  # the shop\n"),
        SOUND.replace("\n", "\r\n"),
        SOUND[: SOUND.index("  shop:")] + SOUND[SOUND.index("  shop:") :].replace("  ", "    "),
        SOUND + "    seeds:\n      - module: a  # the last line\n",
    ],
)
def test_only_lines_are_added(tmp_path: Path, text: str) -> None:
    new = added(tmp_path, text)
    changes = list(difflib.ndiff(text.splitlines(keepends=True), new.splitlines(keepends=True)))
    assert not [line for line in changes if line.startswith("- ")]
    assert len([line for line in changes if line.startswith("+ ")]) in {4, 5}


def test_the_entry_is_written_as_people_write_it(tmp_path: Path) -> None:
    assert added(tmp_path, SOUND) == SOUND + "\n" + BLOCK


def test_services_without_empty_lines_between_them_stay_so(tmp_path: Path) -> None:
    dense = SOUND + "  third:\n    path: stock\n"
    assert added(tmp_path, dense) == dense + BLOCK


def test_comments_of_the_next_key_stay_with_it(tmp_path: Path) -> None:
    new = added(tmp_path, SOUND + "\n# about the default\ndefault_target: local\n")
    assert new == SOUND + "\n" + BLOCK + "\n# about the default\ndefault_target: local\n"


def test_a_file_without_services_gets_them(tmp_path: Path) -> None:
    text = SOUND[: SOUND.index("services:")]
    assert added(tmp_path, text) == text + "\nservices:\n" + BLOCK


@pytest.mark.parametrize(
    "empty", ["services: {}\n", "services: {}", "services:\n", "services: { }\n", "services: null\n", "services: ~"]
)
def test_a_file_whose_services_are_empty_gets_them(tmp_path: Path, empty: str) -> None:
    text = SOUND[: SOUND.index("services:")]
    assert load(write(tmp_path, text + empty), {}).services == {}, "and it is a registry before"
    assert added(tmp_path, text + empty) == text + "services:\n" + BLOCK


def test_a_comment_beside_empty_services_stays(tmp_path: Path) -> None:
    text = SOUND[: SOUND.index("services:")]
    assert added(tmp_path, text + "services: {}  # none yet\n") == text + "services:  # none yet\n" + BLOCK


def test_a_file_without_an_end_of_line_gets_one(tmp_path: Path) -> None:
    assert added(tmp_path, SOUND.rstrip("\n")) == SOUND + "\n" + BLOCK


def test_the_mode_of_the_file_stays(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.chmod(0o640)
    replace_file(path, "x")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["services.yaml"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SOUND[: SOUND.index("services:")] + "services: {shop: {path: shop}}\n", "not written in block style"),
        (edited("alembic_version_shop", "alembic_version_stock"), "already the version table of shop"),
        (edited("[orders, ", "[stock_items, "), "stock_items is already owned by stock by its pattern stock_*"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(AegisError) as caught:
        with_service(path, "stock", ENTRY)
    assert told in caught.value.message
    assert path.read_text() == text


@pytest.mark.parametrize("word", ["no", "it's", "a: b", "x #y", "1", "ünïcödé", "null"])
def test_odd_texts_are_quoted(tmp_path: Path, word: str) -> None:
    path = write(tmp_path)
    (tmp_path / word).mkdir()
    new, _lines = with_service(path, "stock", {"path": word})
    replace_file(path, new)
    assert load(path, {}).services["stock"].path == word
