"""Reads the fingerprint of a database once: `python -m benchmarks.reading URL [first|again]`.

With "first" or "again" it prints the milliseconds, wall and CPU, that the first or the second reading on its
connection took: planning the queries is in the first only.
"""

from __future__ import annotations

import sys
import time

from aegisdb.fingerprint import read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect


def main(url: str, which: str = "") -> None:
    """Read it."""
    with connect(Address.from_url(url)) as conn:
        if which == "again":
            read(conn)
        began, used = time.perf_counter(), time.process_time()
        read(conn)
        took, used = time.perf_counter() - began, time.process_time() - used
    if which:
        print(took * 1000, used * 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
