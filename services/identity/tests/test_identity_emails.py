"""E-mail addresses: one stored form."""

import pytest

from identity.emails import normalise_email


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Ann.Lee@Permian.Example ", "Ann.Lee@permian.example"),
        ("j\u006f\u0308rg@example.com", "j\u00f6rg@example.com"),
        ("x@bücher.example", "x@xn--bcher-kva.example"),
    ],
)
def test_addresses_are_stored_in_one_form(typed: str, stored: str) -> None:
    assert normalise_email(typed) == stored


@pytest.mark.parametrize("wrong", ["", "ann", "@x.example", "a@b", "a b@x.example", "a@b@c.example", "a@..example"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="e-mail"):
        normalise_email(wrong)


def test_an_address_too_long_for_the_column_is_refused() -> None:
    with pytest.raises(ValueError, match="320"):
        normalise_email("a" * 320 + "@x.example")
