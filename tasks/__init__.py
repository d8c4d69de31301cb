"""What a person types: every module of this package is a collection, or a root task of the module's own name."""

from __future__ import annotations

import atexit
import gc
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Self

from invoke.collection import Collection
from invoke.tasks import Task

from aegisdb.cli.parser import take_over

if TYPE_CHECKING:
    from collections.abc import Iterable

# a command makes many objects that stay and little garbage: looking for it each 700 objects costs a tenth of the time
gc.set_threshold(50_000, 20, 20)
# for the same reason nobody need look for it when the process ends, which took 30 to 50 ms: the kernel frees everything
atexit.register(gc.freeze)
# Invoke switches byte code off while it loads tasks, so every command would compile the whole engine again
sys.dont_write_bytecode = False

MODULES = tuple(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
"""All there are."""
_ASKS_FOR_ALL = ("-l", "--list", "-h", "--help", "--complete", "--print-completion-script")


class _Tasks(Collection):
    """A collection that Invoke does not copy, for nobody changes it."""

    def __deepcopy__(self, memo: object) -> Self:
        del memo
        return self


def collect(modules: Iterable[str] = MODULES) -> Collection:
    """The tasks of these modules."""
    made = Collection()
    for name in modules:
        module = import_module(f"{__name__}.{name}")
        same_name = getattr(module, name, None)
        if isinstance(same_name, Task):
            made.add_task(same_name)
        else:
            made.add_collection(_Tasks.from_module(module))
    return made


def _named() -> tuple[str, ...]:
    """The modules that the command line of a running `invoke` names; all of them where it names none or asks for all.

    Making the flags of every task costs a tenth of a short command.
    """
    program = getattr(sys.modules.get("invoke.main"), "program", None)
    words = list(getattr(program, "argv", None) or ())[1:]
    if any(word.partition("=")[0] in _ASKS_FOR_ALL for word in words):
        return MODULES
    heads = {word.partition(".")[0].replace("-", "_") for word in words}
    return tuple(name for name in MODULES if name in heads) or MODULES


ns = collect(_named())
take_over(collect)
