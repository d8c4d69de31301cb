#!/usr/bin/env bash
# A Dask task with retries=0 begins a second time when the worker that runs it dies.
#
# `retries` counts exceptions only. What a lost worker makes of its tasks is `distributed.scheduler.allowed-failures` (3 by
# default), a setting of the scheduler and not of the task, so a task that must not run twice cannot say so by itself:
# the same is true of Client.get_executor(pure=False, retries=0), which looks like a concurrent.futures.Executor.
#
# Seen on 2026-11-29: distributed 2026.8.0, Python 3.11.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q dask==2026.8.0 distributed==2026.8.0
cat >"$work/deploy.py" <<'PY'
import os
import pathlib
import sys
import time
from importlib.metadata import version

from distributed import Client, LocalCluster


def migrate(journal):
    """Write that it began, then wait for what comes."""
    with open(journal, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(3)
    return "done"


def begun(journal):
    return journal.read_text().split() if journal.exists() else []


if __name__ == "__main__":
    journal = pathlib.Path(sys.argv[1])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        future = client.submit(migrate, str(journal), pure=False, retries=0)
        deadline = time.monotonic() + 60
        while not begun(journal) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(int(begun(journal)[0]), 9)
        outcome = future.result(timeout=60)
    starts = len(begun(journal))
    print(f"distributed {version('distributed')}: retries=0, its worker killed once: {starts} starts, result {outcome!r}")
    if (starts, outcome) != (2, "done"):
        sys.exit("changed")
    print("as described")
PY
"$work/venv/bin/python" -W ignore "$work/deploy.py" "$work/journal" 2>"$work/log" || { tail -5 "$work/log"; exit 1; }
