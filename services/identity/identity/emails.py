"""E-mail addresses as identity compares and stores them."""

from __future__ import annotations

import unicodedata

_LONGEST = 320


def normalise_email(address: str) -> str:
    """Trim, apply Unicode NFC, and write the domain in lower-case ASCII (IDNA); the local part keeps its case.

    Two addresses are the same account when their lower-case forms are equal, as `idx_users_email_lower` says.

    Raises:
        ValueError: not `local@domain.tld`, white space inside, or over 320 characters.
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    if not at or not local or "@" in local or any(char.isspace() for char in local + domain):
        raise ValueError("an e-mail address is local@domain.tld")
    try:
        ascii_domain = domain.lower().encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("the domain of the e-mail address is not valid") from error
    if "." not in ascii_domain:
        raise ValueError("the domain of the e-mail address has no dot")
    normal = f"{local}@{ascii_domain}"
    if len(normal) > _LONGEST:
        raise ValueError(f"an e-mail address has at most {_LONGEST} characters")
    return normal
