"""Passwords out of text that came back from a server or from psql."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address

_SHORT = 4
_PATTERNS = (
    re.compile(r"(?i)(\bpassword\s*=?\s*)(E?'(?:[^'\\]|''|\\.)*'|\"[^\"]*\"|(?<==)\S+)"),
    re.compile(r"(://[^:/@\s]*:)([^@\s]+)(?=@)"),
)


def mask(text: str, address: Address) -> str:
    """The text without the address's password (raw, percent-encoded, %%-doubled) or anything that looks like one.

    A password that is also the name of the user, the database or the host is only hidden where one stands.
    """
    password = address.password.reveal()
    if password and password not in {address.user, address.database, address.host}:
        encoded = quote(password, safe="")
        for form in sorted({password, encoded, encoded.replace("%", "%%"), password.replace("%", "%%")}, key=len)[::-1]:
            # a short one inside a word is there by chance, and three stars in its place would tell it
            alone = rf"(?<!\w){re.escape(form)}(?!\w)" if len(password) < _SHORT else re.escape(form)
            text = re.sub(alone, "***", text)
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text
