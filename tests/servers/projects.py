"""Small projects with a server of their own, for tests that start and break servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aegisdb.registry.kinds import Target
from aegisdb.registry.types import Database, Registry, RegistryFile
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.target_kinds.embedded import EmbeddedTarget
from tests.postgres_server import PASSWORD, free_port

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534

START = """
from pathlib import Path
from aegisdb.progress import silent
from tests.servers.projects import embedded
print(embedded(Path(sys.argv[1]), port=int(sys.argv[2])).start(silent).port)
"""
"""Code for `python()` that starts the server of a project on a port."""


def registry(root: Path, spec: Target, *, user: str = "aegis", password: str = PASSWORD) -> Registry:
    """A registry with the one target `t`."""
    root.mkdir(parents=True, exist_ok=True)
    database = Database(name="aegis", user=user, password=password)
    file = RegistryFile(version=1, project="aegis", targets={"t": spec}, database=database)
    return Registry(path=root / "services.yaml", file=file)


def embedded(
    root: Path, *, port: int = 0, user: str = "aegis", password: str = PASSWORD, bindir: str | None = None
) -> EmbeddedServer:
    """The embedded server of a project at `root`, not started; port 0 is any free one."""
    spec = EmbeddedTarget(server="embedded", port=port or free_port(), bindir=bindir)
    return EmbeddedServer(registry(root, spec, user=user, password=password), "t", spec)


def home_of(root: Path) -> Path:
    """Where the server of `embedded(root)` keeps everything."""
    return root / ".aegisdb" / "servers" / "t"


def data_of(root: Path) -> Path:
    """Its data directory, with the wheel's PostgreSQL 18."""
    return home_of(root) / "18"


def write_registry(root: Path, port: int) -> None:
    """The same project as a file, for commands that are typed."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "services.yaml").write_text(
        "version: 1\nproject: aegis\n"
        f"targets: {{t: {{server: embedded, port: {port}}}}}\n"
        f"database: {{name: aegis, user: aegis, password: '{PASSWORD}'}}\n"
    )


def python(code: str, *arguments: str) -> list[str]:
    """The argv that runs `code` with this repository importable."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{code}", *arguments]


def as_ordinary_user(argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as a user without rights; as ourselves where the tests already run as one."""
    if os.geteuid() == 0:
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)
