"""Passwords: hashing and checking."""

import pytest

from identity.passwords import hash_password, verify_password


def test_a_password_verifies_against_its_own_hash_only() -> None:
    stored = hash_password("correct horse")
    assert verify_password("correct horse", stored)
    assert not verify_password("correct horsf", stored)


def test_the_same_password_hashes_differently_each_time() -> None:
    assert hash_password("x") != hash_password("x")


def test_an_account_without_a_hash_accepts_no_password() -> None:
    assert not verify_password("", None)


def test_old_parameters_are_read_from_the_hash() -> None:
    # base64 of hashlib.scrypt(b"old", salt=b"salt", n=4, r=1, p=1)
    digest = "ke8vUyZaxYcsalbMyXeoeSC9NWv/SVnyU1VQzlf7rA6JgJ3mRkcPg4BaXMOQx7oCuw6lMKxWMZWUoZYnt8o7PA=="
    assert verify_password("old", f"scrypt$4$1$1$c2FsdA==${digest}")


def test_a_foreign_hash_is_an_error_not_a_wrong_password() -> None:
    with pytest.raises(ValueError, match="not scrypt"):
        verify_password("x", "$2b$12$abcdefghijklmnopqrstuv")
