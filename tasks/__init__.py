"""What a person types: every module of this package is a collection, or a root task of the module's own name."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Self

from invoke.collection import Collection
from invoke.tasks import Task

# a command makes many objects that stay and little garbage: looking for it each 700 objects costs a tenth of the time
gc.set_threshold(50_000, 20, 20)
# Invoke switches byte code off while it loads tasks, so every command would compile the whole engine again
sys.dont_write_bytecode = False


class _Tasks(Collection):
    """A collection that Invoke does not copy, for nobody changes it."""

    def __deepcopy__(self, memo: object) -> Self:
        del memo
        return self


ns = Collection()
for _module in iter_modules(__path__):
    if _module.name.startswith("_"):
        continue
    _loaded = import_module(f"{__name__}.{_module.name}")
    _same_name = getattr(_loaded, _module.name, None)
    if isinstance(_same_name, Task):
        ns.add_task(_same_name)
    else:
        ns.add_collection(_Tasks.from_module(_loaded))

import_module(f"{__name__}._parsing").take_over()
