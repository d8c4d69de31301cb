"""Faults 38 and 39 with the real command: exit 2, one clear message, nothing executed, well under the timeout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.invoke import Ran, invoke
from tests.registry.registries import SOUND, edited, with_service, write
from tests.registry.test_document import ENTITY_BOMB, MERGE_BOMB

QUICK = 60.0  # a start takes half a second, a bomb for ever; a busy machine must not fail this


def service_list(cwd: Path, *words: str, **variables: str) -> Ran:
    return invoke("service.list", *words, cwd=cwd, env=variables, timeout=QUICK)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "services.yaml:1:1: the registry is empty"),
        ("null", "services.yaml:1:1: the registry is empty"),
        ("- list", "services.yaml:1:1: the registry is not a mapping"),
        (edited("project: demo", "project: [demo]"), "services.yaml:2:10: project: expected a text, found a list"),
        (edited("    path:", "    pth:"), "services.yaml:11:5: services.shop.pth: unknown key → did you mean path?"),
        (SOUND + "  shop: {}\n", "services.yaml:14:3: duplicate key `shop`"),
        (edited("  name: demo", "\tname: demo"), "services.yaml:6:1: a tab where YAML wants spaces"),
        (ENTITY_BOMB, "expand to more than 100000 values"),
        (MERGE_BOMB, "expand to more than 100000 values"),
        ("#" * 1_000_001, "services.yaml:1:1: larger than 1000 kB"),
        (edited("user: demo", 'user: "$(touch pwned)"'), "services.yaml:7:9: database.user: not usable as a name"),
        (edited("path: shop", "path: ../shop"), "services.shop.path: the path is absolute or leaves the tree"),
        (edited("name: demo", "name: -demo"), "services.yaml:6:9: database.name: not usable as a name"),
        (
            with_service("alembic: {version_table: alembic_version_shop}"),
            "alembic_version_shop is already the version table of shop",
        ),
        (
            with_service("owns: [orders]"),
            "services.yaml:16:12: services.stock.owns[0]: orders is already owned by shop",
        ),
    ],
)
def test_a_broken_registry_is_exit_2_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    ran = service_list(tmp_path)
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not (tmp_path / "pwned").exists()


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path).write_bytes(b"version: 1\nproject: \xff\n")
    ran = service_list(tmp_path)
    assert (ran.code, "services.yaml:2:10: not UTF-8" in ran.err) == (2, True)


def test_every_fault_is_in_the_envelope(tmp_path: Path) -> None:
    write(tmp_path, edited("project: demo", "projct: demo") + "default_target: locl\n")
    ran = service_list(tmp_path, "--format", "json")
    assert ran.code == ran.json["exit_code"] == 2
    places = [error["where"] for error in ran.json["errors"]]
    assert places == ["services.yaml:1:1", "services.yaml:2:1", "services.yaml:14:17"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--target", "locl"), "no target is called 'locl'"),
        (("--target", "$(touch pwned)"), "no target is called '$(touch pwned)'"),
        (("--target", "staging"), "the variable STAGING_URL is not set"),
    ],
)
def test_a_target_that_cannot_be_used(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    write(tmp_path, edited("  local:", '  staging: {url: "${STAGING_URL}"}\n  local:') + "default_target: local\n")
    ran = service_list(tmp_path, *words)
    assert ran.code == 2
    assert told in ran.last
    assert service_list(tmp_path).code == 0
    assert not (tmp_path / "pwned").exists()


def test_no_registry_anywhere(tmp_path: Path) -> None:
    ran = service_list(tmp_path)
    assert ran.code == 2
    assert "no services.yaml in" in ran.last


def test_no_password_of_a_bad_database_url(tmp_path: Path) -> None:
    write(tmp_path)
    ran = service_list(tmp_path, DATABASE_URL="postgresql://u:C4nary@x@h/d")
    assert ran.code == 2
    assert "DATABASE_URL" in ran.last
    assert "C4nary" not in ran.err


@pytest.mark.parametrize("name", ["with space", "ünïcödé", "it's", "$(touch pwned);&"])
def test_a_repository_in_an_odd_directory_works(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    write(tmp_path / name)
    ran = service_list(tmp_path / name)
    assert ran.code == 0
    assert "shop" in ran.out
    assert not list(tmp_path.rglob("pwned"))
