"""Which engine `--engine` names."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.engines.dask_engine import cluster, require_dask
from aegisdb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.engines.engine import Engine

_DASK = re.compile(r"dask:(?:local:(?P<workers>[1-9][0-9]{0,3})|(?P<address>(?:tcp|tls)://[^\s/]+:[0-9]+))")
HINT = "dask:local:2 starts two workers here, dask:tcp://HOST:8786 uses the scheduler there"


def require_engine(name: str) -> None:
    """Look at the name of an engine before anything is done.

    Raises:
        UsageError: it names none, or one that is not installed.
    """
    if name:
        _place(name)
        require_dask()


@contextmanager
def engine(name: str) -> Iterator[Engine]:
    """The engine of this name, until the end of the block.

    Raises:
        UsageError: as `require_engine`; Unreachable: no scheduler answers there, or it has no workers.
    """
    address, workers = _place(name)
    with cluster(name, address, workers) as made:
        yield made


def _place(name: str) -> tuple[str, int]:
    """The scheduler's address, or how many workers are to be started."""
    found = _DASK.fullmatch(name)
    if not found:
        raise UsageError(f"--engine does not know {name!r}", hint=HINT, code="engine")
    return found["address"] or "", int(found["workers"] or 0)
