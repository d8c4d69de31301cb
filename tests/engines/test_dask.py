"""What workers of Dask on this machine are started with."""

from __future__ import annotations

import subprocess
import sys

# a process of its own: only the first cluster of a process was wrong
ASKS = """
import signal
from aegisdb.engines import dask_engine

def blocked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

if __name__ == "__main__":
    with dask_engine._own(2) as own, dask_engine._client("", own) as client:
        print(*client.run(blocked).values(), blocked())
"""


def test_workers_do_not_hear_ctrl_c() -> None:
    """Else a Ctrl-C, which a terminal sends to all, kills them in the midst of their turns."""
    ran = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["True", "True", "False"], "")
