"""Values in `.env` that Docker Compose, which reads it too, takes otherwise than the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.doctor.finding import NOTICE, Finding
from aegisdb.registry.dotenv_file import read_otherwise_by_compose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient


def read_otherwise(patient: Patient) -> Iterator[Finding]:
    """Variables with a bare `$`, in a repository with a compose target."""
    registry = patient.ws.registry
    if not any(target.READS_DOTENV for target in registry.file.targets.values()):
        return
    path = registry.root / ".env"
    for name in read_otherwise_by_compose(path):
        yield Finding(
            check="dotenv_dollar",
            subject=name,
            what=f"{name} in .env has a bare $: Docker Compose fills in a variable there, the tasks take it as it is",
            evidence=(str(path),),
            cause="a container made with it has another password than the tasks log in with",
            command=f"put the value of {name} between single quotes",
            exit_code=NOTICE,
        )
