#!/usr/bin/env bash
# Workers of a process's first LocalCluster have SIGINT unblocked, though the cluster was made with it blocked.
#
# Processes inherit the signal mask of the thread that starts them, so a coordinator that wants to end its workers itself
# blocks SIGINT while it makes the cluster: a terminal sends Ctrl-C to all processes. The second cluster of a process
# keeps to that. The first one does not: multiprocessing starts its resource tracker with SIGINT blocked, and unblocks
# it afterwards whatever it was before, in the thread that later starts the workers. Who calls
# multiprocessing.resource_tracker.ensure_running() before sees both clusters alike.
#
# Seen on 2026-11-30: distributed 2026.8.0, Python 3.11.7.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q dask==2026.8.0 distributed==2026.8.0
cat >"$work/clusters.py" <<'PY'
import platform
import signal
import sys
from importlib.metadata import version

from distributed import Client, LocalCluster


def blocked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def cluster():
    """Whether SIGINT is blocked in the worker of a new cluster."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        made = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with made, Client(made) as client:
        (answer,) = client.run(blocked).values()
    return answer


if __name__ == "__main__":
    seen = [cluster(), cluster()]
    python = platform.python_version()
    print(f"distributed {version('distributed')}, Python {python}: SIGINT blocked in the worker of the first, second: {seen}")
    if seen != [False, True]:
        sys.exit("changed")
    print("as described")
PY
"$work/venv/bin/python" -W ignore "$work/clusters.py" 2>"$work/log" || { tail -5 "$work/log"; exit 1; }
