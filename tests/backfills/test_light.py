"""What a service's environment must have for a backfill."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("psycopg", "pydantic", "rich", "invoke", "ruamel", "h11", "dotenv", "sqlalchemy", "alembic")


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, aegisdb; aegisdb.backfill; import aegisdb.backfills.run; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "aegisdb" in loaded
    assert not loaded & set(HEAVY)


def test_the_package_alone_loads_nothing_of_it() -> None:
    code = "import sys, aegisdb; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "aegisdb.backfills" not in done.stdout.split()
