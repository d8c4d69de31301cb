"""`db.env`: the variables that lead a shell, an application or plain `alembic` to the target's database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class EnvResult(Result):
    """Variables by name; the URL has its password unless it was asked for without."""

    variables: dict[str, str]
    exported: bool
    """Whether the lines are for a shell (`export`), not for a dotenv file."""


def env(ws: Workspace, *, form: str = "text", safe: bool = False) -> EnvResult:
    """What an environment needs: DATABASE_URL, and AEGIS_TARGET, without which tasks would take that for a stranger's.

    `form` is that of `--format`; `safe` puts `***` for the password. Whether the database exists is not asked.

    Raises:
        Unreachable: the target's server does not run, so its port is not known.
    """
    from aegisdb.workflows.db.url import url

    return EnvResult(
        variables={"DATABASE_URL": url(ws, safe=safe).url, "AEGIS_TARGET": ws.target}, exported=form != "dotenv"
    )
