"""Seeds that run as `python -m MODULE` in their service's environment."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from aegisdb import runners
from aegisdb.errors import Failed, TimedOut
from aegisdb.runtime.forkserver import warm_process_if_started
from aegisdb.seeds.child_process import forked, indented, running
from aegisdb.seeds.sources import seed_name, service_directory

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import ModuleSeed, Registry
    from aegisdb.runtime.forkserver import ForkedModule
    from aegisdb.seeds.child_process import Child
    from aegisdb.seeds.deadline import Deadline


def run_module(registry: Registry, service: str, seed: ModuleSeed, address: Address, deadline: Deadline) -> None:
    """Run the module to its end.

    Raises:
        Failed: it exited non-zero or was killed (code `seed_failed`), or the deadline is over (code `timeout`); what it
            started is stopped, its last lines are in the message.
    """
    runner, home = registry.services[service].runner, service_directory(registry, service)
    what = f"{seed_name(seed)} of {service}"
    with _child(registry, service, seed, address) as child:
        try:
            code = child.process.wait(deadline.remaining)
        except subprocess.TimeoutExpired:
            raise TimedOut(
                f"{what} did not end within {deadline.seconds:g} s and was stopped{indented(child.tail())}",
                hint="mend the seed, or give it more time with `timeout:` in services.yaml",
            ) from None
        if code:
            tail = child.tail()
            ending = f"exited with {code}" if code > 0 else f"was killed by signal {-code}"
            last = tail[-1] if tail else "it printed nothing"
            hint = runners.how_to_install(runner, home) if last.startswith("ModuleNotFoundError") else ""
            raise Failed(f"{what} {ending}: {last}{indented(tail[:-1])}", hint=hint, code="seed_failed")


def _child(
    registry: Registry, service: str, seed: ModuleSeed, address: Address
) -> AbstractContextManager[Child[subprocess.Popen[bytes]] | Child[ForkedModule]]:
    runner, home = registry.services[service].runner, service_directory(registry, service)
    warm = None if runner else warm_process_if_started()
    if warm is not None:
        return forked(warm, registry, service, seed, address)
    return running(registry, service, seed, [*runners.python(runner, home), "-m", seed.module], address)
