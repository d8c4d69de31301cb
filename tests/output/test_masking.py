"""Secrets, in every spelling, in every place."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from aegisdb.output.masking import Masker, learn_environment

SECRET = "C4n%a@r/y'x"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote(SECRET, safe="").replace("%", "%%"),
        SECRET.replace("%", "%%"),
        SECRET.replace("'", "''"),
        f"{SECRET!r}",
    ],
)
def test_a_known_secret_is_hidden_in_every_spelling(text: str) -> None:
    masker = Masker()
    masker.learn([SECRET])
    assert masker(f"before {text} after") in ("before *** after", 'before "***" after')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+asyncpg://aegis:hun%40ter@db:5432/x?a=b", "postgresql+asyncpg://aegis:***@db:5432/x?a=b"),
        ("redis://:hunter@cache/0", "redis://:***@cache/0"),
        ("postgresql://aegis:a@b@db/x", "postgresql://aegis:***@db/x"),
        ("host=db password=hunter user=aegis", "host=db password=*** user=aegis"),
        ("PGPASSWORD='hun ter' psql", "PGPASSWORD=*** psql"),
        ("password='it\\'s' port=1", "password=*** port=1"),
        ("ALTER ROLE a PASSWORD 'it''s'; SELECT 1", "ALTER ROLE a PASSWORD '***'; SELECT 1"),
        ("CREATE ROLE a ENCRYPTED password E'x' LOGIN", "CREATE ROLE a ENCRYPTED password E'***' LOGIN"),
    ],
)
def test_an_unknown_secret_is_hidden_by_its_place(text: str, shown: str) -> None:
    assert Masker()(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://aegis@db:5432/aegis",
        "http://localhost:8003/seed",
        "ADD COLUMN password text",
        "see services.yaml:3:5, then mail a@b.c",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Masker()(text) == text


def test_a_password_that_is_also_a_name_does_not_hide_the_name() -> None:
    masker = Masker()
    masker.learn(["aegis"], public=["aegis"])
    assert masker("target aegis, postgresql://aegis:aegis@db/aegis") == "target aegis, postgresql://aegis:***@db/aegis"


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://postgres:postgres@postgres:5432/postgres"},
        {"DATABASE_URL": "postgresql://app:orders@db.internal/orders?sslmode=require"},
        {"DATABASE_URL": "postgresql://app:db.internal@first:1,db.internal:2/x"},
        {"DATABASE_URL": "postgresql://sh%6Fp:shop@db/x"},
        {"POSTGRES_PASSWORD": "postgres", "POSTGRES_USER": "postgres"},
        {"PGPASSWORD": "orders", "PGDATABASE": "orders"},
    ],
)
def test_a_password_of_the_environment_that_is_also_a_name(environment: dict[str, str]) -> None:
    masker = Masker()
    learn_environment(masker, environment)
    told = "user postgres, database orders on db.internal and shop"
    assert masker(told) == told
    assert masker("postgresql://a:postgres@h/x password=shop") == "postgresql://a:***@h/x password=***"


def test_the_longer_of_two_secrets_wins() -> None:
    masker = Masker()
    masker.learn(["hunter"])
    masker.learn(["hunter2-long"])
    assert masker("hunter2-long hunter") == "*** ***"


def test_passwords_of_the_environment_are_known() -> None:
    masker = Masker()
    learn_environment(masker, {"MY_PASSWORD": "hunter", "OTHER_URL": "postgresql://a:sup%40er@h/d", "HOME": "/root"})
    assert masker("hunter sup@er sup%40er /root") == "*** *** *** /root"


@pytest.mark.parametrize("url", ["postgresql://me:hun%40ter@h1,[::1]:7/db", "postgresql://me:hun%40ter@[::1/db"])
def test_the_password_of_a_url_is_hidden_readable_or_not(url: str) -> None:
    masker = Masker()
    masker.learn_url(url)
    assert masker("it said hun@ter and hun%40ter") == "it said *** and ***"
