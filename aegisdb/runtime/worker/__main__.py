"""Entry of the worker: `python aegisdb/runtime/worker READ_FD WRITE_FD`, or `... --fork SOCKET_FD MODULE...`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "_aegisdb_worker"


def _load(module: str) -> object:
    # under a name of its own: the service has its own sys.path, on which our file names must not appear
    home = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != home]
    spec = importlib.util.spec_from_file_location(_NAME, home / "__init__.py", submodule_search_locations=[str(home)])
    if spec is None or spec.loader is None:
        raise ImportError(home)
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    return importlib.import_module(f"{_NAME}.{module}")


if __name__ == "__main__":
    _load("request_loop").main(sys.argv[1:])  # type: ignore[attr-defined]
