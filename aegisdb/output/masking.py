"""Keep secrets out of everything that is printed: known ones by value, unknown ones by where they stand."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aegisdb.registry.types import Registry

from aegisdb.plain_text import clean

MASK = "***"
_SHORTEST = 4
_PUBLIC = ("USER", "USERNAME", "DB", "DATABASE", "HOST")
"""How names of variables end whose values are printed, as those of PostgreSQL and of its images do."""

# each with a word without which it finds nothing: a word is looked for in a tenth of the time
# what stands between these and the closing delimiter is a secret, whoever wrote it
_QUOTED_OR_WORD = r"('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s'\",;)&]+)"
_PATTERNS = (
    ("://", re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]*:)[^\s'\"]+(@)"), rf"\1{MASK}\2"),
    ("passw", re.compile(rf"(?i)(\b(?:password|passwd|pgpassword)\s*=\s*){_QUOTED_OR_WORD}"), rf"\1{MASK}"),
    ("passw", re.compile(r"(?i)(\bpassword\s+(?:e|u&)?)'(?:[^']|'')*'"), rf"\1'{MASK}'"),
)


class Masker:
    """Replaces secrets in text by `***`; learns new ones at any time."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._coming: Callable[[], Iterable[str]] | None = None

    def learn(self, secrets: Iterable[str], *, public: Iterable[str] = ()) -> None:
        """Hide these texts from now on, in every spelling that a URL or an ini file gives them.

        A text that is also public (a development password equal to the user's name) is left to the patterns:
        hiding it everywhere would hide the names too. So is one of fewer than four characters.
        """
        known = set(public)
        self._secrets |= {text for text in secrets if len(text) >= _SHORTEST and text not in known}
        spellings = {spelling for text in self._secrets for spelling in _spellings(text)}
        longest_first = sorted(spellings, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def learn_later(self, find: Callable[[], Iterable[str]]) -> None:
        """Hide what this finds whenever something is printed: secrets that the command itself may make."""
        self._coming = find

    def learn_url(self, url: str) -> None:
        """Hide the password of a URL, readable or not, unless it is also the name of its user, database or host."""
        self.learn_urls([url])

    def learn_urls(self, urls: Iterable[str]) -> None:
        """Hide the passwords of many URLs, as of `learn_url`."""
        found = {
            spelt
            for url in urls
            if (password := _password(url))
            for spelt in {password, unquote(password)} - _names(url)
        }
        if found:
            self.learn(found)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._coming is not None and (new := set(self._coming()) - self._secrets):
            self.learn(new)
        if self._known is not None:
            text = self._known.sub(MASK, text)
        lowered = text.lower()
        for word, pattern, replacement in _PATTERNS:
            if word in lowered:
                text = pattern.sub(replacement, text)
        return text


def _password(url: str) -> str:
    # urlsplit gives up at a list of hosts with an address in brackets, and a password must be hidden all the same
    login, found, _ = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    return login.partition(":")[2] if found else ""


def _names(url: str) -> set[str]:
    """What a URL says for everybody to read: user, hosts and database."""
    authority, _, rest = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    hosts, _, database = rest.partition("/")
    return {
        unquote(authority.partition(":")[0]),
        unquote(database),
        *(host.partition(":")[0] for host in hosts.split(",")),
    }


def _spellings(secret: str) -> set[str]:
    encoded = {secret, clean(secret), quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    return encoded | {text.replace("%", "%%") for text in encoded} | {text.replace("'", "''") for text in encoded}


def learn_environment(masker: Masker, environ: Mapping[str, str]) -> None:
    """Hide the passwords that the environment holds: `*PASSWORD*` and the ones inside URLs."""
    names = [value for name, value in environ.items() if name.upper().endswith(_PUBLIC)]
    for name, value in environ.items():
        if "PASSWORD" in name.upper():
            masker.learn([value], public=names)
        elif "://" in value:
            masker.learn_url(value)


def learn_registry(masker: Masker, registry: Registry) -> None:
    """Hide the passwords of the registry's database, of its targets and of its fleets."""
    database = registry.file.database
    masker.learn([database.password], public=[database.user, database.name])
    masker.learn_urls(url for target in registry.file.targets.values() for url in target.urls())
    masker.learn_urls(url for fleet in registry.file.fleets.values() for url in (fleet.url, fleet.direct_url))
    drawn = [partial(target.own_password, registry, name) for name, target in registry.file.targets.items()]
    if drawing := [find for find in drawn if find() is not None]:
        masker.learn_later(lambda: filter(None, (find() for find in drawing)))
