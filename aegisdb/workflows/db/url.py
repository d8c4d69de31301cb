"""`db.url`: the address of the target's database, for any client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class UrlResult(Result):
    """The URL, with its password unless it was asked for without."""

    url: str


def url(ws: Workspace, *, safe: bool = False) -> UrlResult:
    """The URL of the target's database; `safe` puts `***` for the password. Whether the database exists is not asked.

    Raises:
        Unreachable: the target's server does not run, so its port is not known.
    """
    address = ws.server.client_address()
    return UrlResult(url=address.masked if safe else address.url())
