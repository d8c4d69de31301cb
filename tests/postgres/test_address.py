"""What a URL says is what is reached and what is printed."""

from __future__ import annotations

import pytest

from aegisdb.errors import BadInput, Refused
from aegisdb.postgres.address import Address

BASE = "postgresql://me:secret@localhost:5432/aegis"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("host=far.example", "me@far.example:5432/aegis"),
        ("hostaddr=10.0.0.9", "me@localhost[10.0.0.9]:5432/aegis"),
        ("dbname=other", "me@localhost:5432/other"),
        ("port=6000", "me@localhost:6000/aegis"),
        ("user=root", "root@localhost:5432/aegis"),
    ],
)
def test_parameters_that_redirect_are_shown(query: str, shown: str) -> None:
    assert str(Address.from_url(f"{BASE}?{query}")) == shown


def test_a_password_in_the_query_is_as_secret() -> None:
    address = Address.from_url("postgresql://me@localhost/aegis?password=hidden")
    assert "hidden" not in f"{address} {address!r} {address.masked}"
    assert address.password.reveal() == "hidden"


@pytest.mark.parametrize("url", [f"{BASE}?port=x", "postgresql://me:p@ss@localhost/aegis"])
def test_ambiguous_urls_are_refused_without_an_echo(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        Address.from_url(url)
    assert "p@ss" not in str(caught.value) + caught.value.hint
    assert "secret" not in str(caught.value) + caught.value.hint


def test_a_service_is_refused_for_safety() -> None:
    with pytest.raises(Refused, match="names a service") as caught:
        Address.from_url(f"{BASE}?service=other")
    assert caught.value.code == "url_service"
    assert "secret" not in str(caught.value) + caught.value.hint
