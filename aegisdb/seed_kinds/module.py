"""Seeds with `module:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import ProgramSeed
from aegisdb.registry.lookup import texts
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from subprocess import Popen

    from aegisdb.errors import Failed
    from aegisdb.registry.document import Key
    from aegisdb.runtime.forkserver import ForkedProgram
    from aegisdb.seeds.child_process import Child
    from aegisdb.seeds.run import SeedRun

_MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"


@dataclass(frozen=True, kw_only=True)
class ModuleSeed(ProgramSeed):
    """A seed that runs as `python -m MODULE` in the service's environment."""

    EXAMPLE = "module: package.name"
    HEADING = "`seeds` with `module`"
    RUNS_PYTHON = True

    module: str
    """Dotted module name."""

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """A name that Python cannot import, and what every seed can have wrong."""
        for place, text in texts(plain, "module"):
            if not re.fullmatch(_MODULE, text):
                yield Problem((*key, *place), "not a dotted module name", "e.g. orchestration.seed_skills")
        yield from super().problems(key, plain)

    def code(self) -> str:
        """The module itself."""
        return self.module

    def beyond_files(self, home: Path) -> str:
        """A module of another package is in none of them."""
        from aegisdb.seeds.sources import module_files

        return "" if any(module_files(home, self.module)) else f"{self.module} is no module of the service's own"

    def run(self, run: SeedRun) -> None:
        """Run the module to its end.

        Raises:
            Failed: it exited non-zero or was killed (code `seed_failed`), or the deadline is over (code `timeout`);
                what it started is stopped, its last lines are in the message.
        """
        import subprocess

        from aegisdb.errors import TimedOut
        from aegisdb.seeds.child_process import indented

        with self._child(run) as child:
            try:
                code = child.process.wait(run.deadline.remaining)
            except subprocess.TimeoutExpired:
                raise TimedOut(
                    f"{self.label} of {run.service} did not end within {run.deadline.seconds:g} s and was stopped"
                    f"{indented(child.tail())}",
                    hint="fix the seed, or give it more time with `timeout:` in services.yaml",
                ) from None
            if code:
                raise self._failure(run, code, child.tail())

    def _child(self, run: SeedRun) -> AbstractContextManager[Child[Popen[bytes]] | Child[ForkedProgram]]:
        from aegisdb import runners
        from aegisdb.runtime.forkserver import Program, warm_process_if_started
        from aegisdb.seeds.child_process import forked, running

        warm = None if run.runner else warm_process_if_started()
        if warm is not None:
            return forked(warm, run.registry, run.service, self, Program(module=self.module), run.address)
        argv = [*runners.python(run.runner, run.home), "-m", self.module]
        return running(run.registry, run.service, self, argv, run.address)

    def _failure(self, run: SeedRun, code: int, tail: list[str]) -> Failed:
        from aegisdb import runners
        from aegisdb.errors import Failed
        from aegisdb.seeds.child_process import indented

        ending = f"exited with {code}" if code > 0 else f"was killed by signal {-code}"
        last = tail[-1] if tail else "it printed nothing"
        hint = runners.how_to_install(run.runner, run.home) if last.startswith("ModuleNotFoundError") else ""
        what = f"{self.label} of {run.service} {ending}: {last}{indented(tail[:-1])}"
        return Failed(what, hint=hint, code="seed_failed")


KIND = ModuleSeed
