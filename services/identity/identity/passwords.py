"""Password hashes: scrypt with its parameters and salt in the text, so that parameters can be raised later."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_SALT_BYTES = 16
_SCHEME = "scrypt"


def hash_password(password: str) -> str:
    """A new salted hash, `scrypt$n$r$p$salt$digest`, for `users.password_hash`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _derive(password, salt, _COST, _BLOCK, _PARALLEL)
    return "$".join([_SCHEME, str(_COST), str(_BLOCK), str(_PARALLEL), _encode(salt), _encode(digest)])


def verify_password(password: str, stored: str | None) -> bool:
    """Whether the password belongs to the stored hash; False for an account without one.

    Raises:
        ValueError: the stored text is not a hash of this module.
    """
    if stored is None:
        return False
    scheme, *numbers, salt, digest = stored.split("$")
    if scheme != _SCHEME:
        raise ValueError("the stored password hash is not scrypt")
    cost, block, parallel = (int(number) for number in numbers)
    derived = _derive(password, b64decode(salt), cost, block, parallel)
    return hmac.compare_digest(derived, b64decode(digest))


def _derive(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=2**26)


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
