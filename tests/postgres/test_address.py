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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:x@h1,h2/db?target_session_attrs=read-write", "me@h1:5432,h2:5432/db"),
        ("postgresql://me:x@h1:1,h2:2/db", "me@h1:1,h2:2/db"),
        ("postgresql://me:x@h1,[::1]:7/db", "me@h1:5432,::1:7/db"),
        ("postgresql://me:x@/db?host=a,b&port=1,2", "me@a:1,b:2/db"),
        ("postgresql://me:x@/db?host=a,b&port=6000", "me@a:6000,b:6000/db"),
        ("postgresql://me:x@h1,h2/db?port=1,2", "me@h1:1,h2:2/db"),
        ("postgresql://me:x@/db", "me@localhost:5432/db"),
        ("postgresql://me:x@H1/db", "me@h1:5432/db"),
    ],
)
def test_several_hosts_and_ports(url: str, shown: str) -> None:
    address = Address.from_url(url)
    assert str(address) == shown
    assert str(Address.from_url(address.url())) == shown
    assert Address.from_url(address.url()) == address
    one = address.settled("far", 9)
    assert str(one) == "me@far:9/db"
    assert one.parameters == ()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@h1,h2/db?port=1,2,3",
        "postgresql://me:secret@/db?host=a,b&port=1,2,3",
        "postgresql://me:secret@h1:1,h2:x/db",
        "postgresql://me:secret@h1:0/db",
        "postgresql://me:secret@h1:65536/db",
        "postgresql://me:secret@h1:1:2/db",
        "postgresql://me:secret@h1,h2/db?hostaddr=1.2.3.4",
        "postgresql://me:secret@[::1/db",
    ],
)
def test_lists_that_do_not_fit_are_bad_input(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        Address.from_url(url)
    assert caught.value.code == "url"
    assert "secret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("pgbouncer=true", "DATABASE_URL_DIRECT"),
        ("schema=secret", "search_path"),
        ("connection_limit=1", "pool"),
        ("ssl=require", "sslmode=require"),
        ("sslmod=require", "did you mean sslmode"),
        ("zzz=secret", "libpq"),
    ],
)
def test_the_words_of_other_clients_are_refused_by_name(query: str, told: str) -> None:
    with pytest.raises(BadInput, match=rf"\?{query.partition('=')[0]}=") as caught:
        Address.from_url(f"{BASE}?{query}")
    assert told in caught.value.hint
    assert "secret" not in str(caught.value) + caught.value.hint


def test_every_word_of_libpq_is_known() -> None:
    from psycopg.pq import Conninfo

    words = {option.keyword.decode() for option in Conninfo.get_defaults()}
    secrets = {word for word in words if word.startswith(("oauth", "scram"))} | {"replication", "sslkeylogfile"}
    for word in sorted(words - secrets - {"service", "host", "port", "hostaddr"}):
        Address.from_url(f"{BASE}?{word}=1")
    for word in sorted(secrets):
        with pytest.raises(BadInput):
            Address.from_url(f"{BASE}?{word}=1")


def test_a_sockets_directory_stands_in_the_query() -> None:
    address = Address.from_url("postgresql://me:x@/db?host=/var/run/postgresql&port=6000")
    assert address.url() == "postgresql://me:x@/db?host=%2Fvar%2Frun%2Fpostgresql&port=6000"
    assert Address.from_url(address.url()) == address


def test_the_password_of_a_key_is_not_shown() -> None:
    address = Address.from_url(f"{BASE}?sslpassword=hidden")
    assert "hidden" not in f"{address} {address.masked}"
    assert "hidden" in address.url()
