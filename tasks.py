"""Hand over to the package `tasks/`, which shares this file's name.

Invoke loads this file first and files it as the module `tasks`, where plain Python would prefer the package.
Forgetting this file and importing again gives everyone (Invoke, pytest, editors, wheels) the same module.
"""

import sys
from importlib import import_module

sys.modules.pop("tasks", None)
ns = import_module("tasks").ns
