"""Passwords out of what servers say, and no word that tells a short one."""

from __future__ import annotations

import pytest

from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.masking import mask


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        ("x", "server closed the connection unexpectedly", "server closed the connection unexpectedly"),
        ("x", "password is x, said the server", "password is ***, said the server"),
        ("pg", "pg_hba.conf, pgpool, pg", "pg_hba.conf, pgpool, ***"),
        ("a b", "a bc, a b", "a bc, ***"),
        ("s3cr3t", "fooS3cr3t s3cr3t xs3cr3tx", "fooS3cr3t *** x***x"),
        ("u", "the owner u of d", "the owner u of d"),
        ("u", "ALTER ROLE u PASSWORD 'u'", "ALTER ROLE u PASSWORD ***"),
        ("C4n%a@r/y", "at%2FC4n%25a%40r%2Fy", "at%2F***"),
    ],
)
def test_a_short_password_is_masked_where_it_stands_alone(password: str, text: str, shown: str) -> None:
    address = Address("h", 1, "u", Secret(password), "d")
    assert mask(text, address) == shown
