"""What a person types: every module is a collection, or a root task of the module's own name, or both.

Another repository imports this package as `aegisdb.tasks`: `from aegisdb.tasks import ns` is a whole `tasks.py`, and
`ns.add_collection(aegisdb.tasks.db)` adds one collection to others.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from invoke.collection import Collection
from invoke.tasks import Task

from aegisdb.cli.beside import add_beside
from aegisdb.cli.interpreter import byte_code_kept

_NO_COLLECTION = {"__main__"} if __name__ == "tasks" else {"__main__", "dev"}
"""Modules without tasks; `dev` is for work on aegisdb itself, which no other repository gets."""
MODULES = tuple(module.name for module in iter_modules(__path__) if module.name not in _NO_COLLECTION)


def collect() -> Collection:
    """Make a collection of all tasks."""
    made = Collection()
    for name in MODULES:
        module = import_module(f"{__name__}.{name}")
        same_name = getattr(module, name, None)
        others = [one for one in vars(module).values() if isinstance(one, Task) and one is not same_name]
        if isinstance(same_name, Task) and others:
            add_beside(made, same_name, others)
        elif isinstance(same_name, Task):
            made.add_task(same_name)
        else:
            made.add_collection(Collection.from_module(module))
    return made


with byte_code_kept():
    ns = collect()
    import_module("aegisdb.cli.parser").take_over()
