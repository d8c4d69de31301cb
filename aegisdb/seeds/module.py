"""Seeds that run as `python -m MODULE` in their service's environment."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from aegisdb import runners
from aegisdb.errors import Failed
from aegisdb.seeds.child import indented, running
from aegisdb.seeds.sources import seed_name, service_directory

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import ModuleSeed, Registry
    from aegisdb.seeds.deadline import Deadline


def run_module(registry: Registry, service: str, seed: ModuleSeed, address: Address, deadline: Deadline) -> None:
    """Run the module to its end.

    Raises:
        Failed: it exited non-zero or was killed (code `seed_failed`), or the deadline is over (code `timeout`); what it
            started is stopped, its last lines are in the message.
    """
    runner, home = registry.services[service].runner, service_directory(registry, service)
    argv = [*runners.python(runner, home), "-m", seed.module]
    what = f"{seed_name(seed)} of {service}"
    with running(registry, service, seed, argv, address) as child:
        try:
            code = child.process.wait(deadline.remaining)
        except subprocess.TimeoutExpired:
            raise Failed(
                f"{what} did not end within {deadline.seconds:g} s and was stopped{indented(child.tail())}",
                hint="mend the seed, or give it more time with `timeout:` in services.yaml",
                code="timeout",
            ) from None
        if code:
            tail = child.tail()
            ending = f"exited with {code}" if code > 0 else f"was killed by signal {-code}"
            last = tail[-1] if tail else "it printed nothing"
            hint = runners.how_to_install(runner, home) if last.startswith("ModuleNotFoundError") else ""
            raise Failed(f"{what} {ending}: {last}{indented(tail[:-1])}", hint=hint, code="seed_failed")
