"""`${VAR}` in services.yaml: from the environment, then `.env`; secrets never show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.errors import BadInput
from tests.registry.registries import edited, faults, read, with_service

STAGING = edited("  local:", '  staging: {url: "${STAGING_URL}"}\n  local:') + "default_target: local\n"


def test_the_environment_wins_over_dotenv_which_wins_over_the_default(tmp_path: Path) -> None:
    assert read(tmp_path).file.database.password == "demo"
    (tmp_path / ".env").write_text("DEMO_PASSWORD='from the file'\n")
    assert read(tmp_path).file.database.password == "from the file"
    assert read(tmp_path, environ={"DEMO_PASSWORD": "outside"}).file.database.password == "outside"
    assert "DEMO_PASSWORD" not in os.environ


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ("PW=x\nDEMO_PASSWORD=a${PW}b", "axb"),
        ('PW=x\nDEMO_PASSWORD="a${PW}b"', "axb"),
        ("PW=x\nDEMO_PASSWORD='a${PW}b'", "a${PW}b"),
        ("PW=x\nexport DEMO_PASSWORD = 'a${PW}b'", "a${PW}b"),
        ("PW=x\nQ=${PW}y\nPW=z\nDEMO_PASSWORD=${Q}${PW}", "xyz"),
        ("DEMO_PASSWORD=${NOBODY:-dflt}", "dflt"),
        ("EMPTY=\nDEMO_PASSWORD=${EMPTY:-dflt}", "dflt"),
        ("EMPTY=\nDEMO_PASSWORD=a${EMPTY}", "a"),
        ("DEMO_PASSWORD=${OUT}", "outside"),
        ("OUT=inside\nDEMO_PASSWORD=${OUT}", "outside"),
        ("DEMO_PASSWORD=$${OUT}", "${OUT}"),
        ("DEMO_PASSWORD=pa$word$1$$", "pa$word$1$$"),
        ("DEMO_PASSWORD=a${b c}", "a${b c}"),
        ("DEMO_PASSWORD=${NOBODY}\nDEMO_PASSWORD=late", "late"),
    ],
)
def test_references_in_dotenv_are_filled_in_as_compose_does(tmp_path: Path, lines: str, value: str) -> None:
    """They were taken as they stand, between double quotes too; what Docker Compose 2.26 makes of each is the same."""
    (tmp_path / ".env").write_text(f"{lines}\n")
    assert read(tmp_path, environ={"OUT": "outside"}).file.database.password == value


def test_what_a_line_of_dotenv_refers_to_and_is_not_set_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("URL=${HOST}/d\nSTAGING_URL=postgresql://u@${URL}\n")
    with pytest.raises(BadInput, match="the variable HOST is not set"):
        read(tmp_path, STAGING).target("staging")
    found = read(tmp_path, STAGING, {"HOST": "h"}).target("staging")
    assert vars(found)["url"] == "postgresql://u@h/d"


def test_a_dotenv_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DEMO_PASSWORD=\xe4\n")
    with pytest.raises(BadInput, match="is not UTF-8"):
        read(tmp_path)


def test_an_empty_variable_takes_the_default_as_in_a_shell(tmp_path: Path) -> None:
    assert read(tmp_path, environ={"DEMO_PASSWORD": ""}).file.database.password == "demo"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a${X}b${X}", "a<${Y}>b<${Y}>"),
        ("$${X}", "${X}"),
        ("$5 and $ and $$", "$5 and $ and $$"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b}", "a:-b"),
    ],
)
def test_what_is_filled_in_is_not_read_again(tmp_path: Path, text: str, value: str) -> None:
    registry = read(tmp_path, edited("${DEMO_PASSWORD:-demo}", f'"{text}"'), {"X": "<${Y}>"})
    assert registry.file.database.password == value


@pytest.mark.parametrize("text", ["${}", "${A B}", "${1X}", "${X-y}", "${X:-${Y}}", "${X", "x ${ y"])
def test_a_malformed_reference_is_a_fault(tmp_path: Path, text: str) -> None:
    (only,) = faults(tmp_path, edited("${DEMO_PASSWORD:-demo}", f'"{text}"'))
    assert only.startswith("8:13 database.password: this ${...} cannot be read -> write ${NAME}")


def test_an_unset_variable_breaks_only_the_target_that_needs_it(tmp_path: Path) -> None:
    registry = read(tmp_path, STAGING)
    assert registry.target("local")
    with pytest.raises(BadInput, match="the variable STAGING_URL is not set") as caught:
        registry.target("staging")
    assert caught.value.where.endswith("services.yaml:4:18")
    assert "export STAGING_URL=" in caught.value.hint


def test_an_unset_password_breaks_the_targets_that_log_in_with_it(tmp_path: Path) -> None:
    text = STAGING.replace("${DEMO_PASSWORD:-demo}", "${DEMO_PASSWORD}")
    registry = read(tmp_path, text, {"STAGING_URL": "postgresql://u@h/d"})
    assert registry.target("staging")
    with pytest.raises(BadInput, match="DEMO_PASSWORD"):
        registry.target("local")


def test_an_unset_variable_of_a_seed_waits_for_the_seed(tmp_path: Path) -> None:
    registry = read(tmp_path, with_service("seeds: [{http: 'POST ${SHOP_URL}/seed'}]"))
    registry.require("services", "shop", "seeds")
    with pytest.raises(BadInput, match="SHOP_URL"):
        registry.require("services", "stock", "seeds")


def test_an_unset_variable_elsewhere_is_a_fault(tmp_path: Path) -> None:
    (only,) = faults(tmp_path, edited("path: shop", "path: ${SHOP}"))
    assert only == (
        "11:11 services.shop.path: the variable SHOP is not set -> export SHOP=..., or write ${SHOP:-default}"
    )


def test_a_filled_value_is_judged_like_a_written_one(tmp_path: Path) -> None:
    (only,) = faults(tmp_path, edited("name: demo", "name: ${DB}"), {"DB": "demo; DROP"})
    assert "6:9 database.name: not usable as a name here" in only
    assert "DROP" not in only


def test_secrets_never_show(tmp_path: Path) -> None:
    secret = "C4n%a@r/y"
    text = STAGING.replace("local}", "local}")
    registry = read(tmp_path, text, {"DEMO_PASSWORD": secret, "STAGING_URL": f"postgresql://u:{secret}@h/d"})
    assert registry.file.database.password == secret
    assert secret not in repr(registry)
    assert secret not in str(registry)


def test_a_url_that_cannot_be_read_is_told_without_its_text(tmp_path: Path) -> None:
    registry = read(tmp_path, STAGING, {"STAGING_URL": "postgresql://u:C4n@a@h/d"})
    with pytest.raises(BadInput) as caught:
        registry.target("staging")
    assert "C4n" not in f"{caught.value} {caught.value.hint} {caught.value.where}"
    assert "target staging" in caught.value.message
