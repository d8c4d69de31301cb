"""Seeds with `http:`."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import ProgramSeed
from aegisdb.registry.lookup import texts
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aegisdb.registry.document import Key
    from aegisdb.seeds.run import SeedRun

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_APPLICATION = r"(?P<module>[A-Za-z_][\w.]*):[A-Za-z_]\w*"


@dataclass(frozen=True, kw_only=True)
class HttpSeed(ProgramSeed):
    """A seed that is one HTTP request."""

    EXAMPLE = "http: POST URL"
    HEADING = "`seeds` with `http`"

    http: str
    """METHOD URL, e.g. `POST http://localhost:8003/seed`."""
    serve: str | None = None
    """Command that serves it, started only if nothing listens there and stopped afterwards."""
    ready: str | None = None
    """URL that answers 200 when the service is ready."""
    remote: bool = False
    """The URL may name another host than this machine; not together with `serve`."""

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """A request, a URL or a command that cannot be one, and what every seed can have wrong."""
        for place, text in texts(plain, "http"):
            yield from _request((*key, *place), text)
        for place, text in texts(plain, "ready"):
            if not _is_http(text):
                yield Problem((*key, *place), "not an http URL", "e.g. http://localhost:8003/health")
        for place, text in texts(plain, "serve"):
            if not text.strip():
                yield Problem((*key, *place), "the command is empty", "leave `serve` out when nothing is to be started")
        yield from super().problems(key, plain)

    def code(self) -> str:
        """The application that `serve` names, as in `uvicorn shop.main:app`."""
        found = (re.fullmatch(_APPLICATION, word) for word in shlex.split(self.serve or ""))
        return next((application["module"] for application in found if application), "")

    def beyond_files(self, home: Path) -> str:
        """A server that others run is in none of them, nor is one that is no application of the service's own."""
        from aegisdb.seeds.sources import module_files

        if not self.serve:
            return "it asks a server that it does not start"
        module = self.code()
        return "" if module and any(module_files(home, module)) else f"`{self.serve}` serves no module of the service's"

    def run(self, run: SeedRun) -> None:
        """Send the request, to a server that is started for it where none listens; raises as `run_http`."""
        from aegisdb.seeds.http_seed import run_http

        run_http(run, self)


def _request(key: Key, text: str) -> Iterator[Problem]:
    method, _, url = text.partition(" ")
    if method not in _METHODS:
        yield Problem(key, "does not begin with an HTTP method", f"METHOD URL, the method one of {', '.join(_METHODS)}")
    elif not _is_http(url.strip()):
        yield Problem(key, "has no http URL after the method", "e.g. POST http://localhost:8003/seed")


def _is_http(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


KIND = HttpSeed
