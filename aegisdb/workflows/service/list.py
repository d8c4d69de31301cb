"""The services of services.yaml, without contacting anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.registry.types import Service
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ListedService:
    """A service of the registry."""

    name: str
    path: str
    version_table: str
    """Empty for a service that only seeds."""
    owns: tuple[str, ...]
    after: tuple[str, ...]
    seeds: tuple[str, ...]
    runner: str


@dataclass(frozen=True, kw_only=True)
class ServiceListResult(Result):
    """The services in the registry's order."""

    services: tuple[ListedService, ...]


def service_list(ws: Workspace) -> ServiceListResult:
    """List the services of the registry."""
    return ServiceListResult(services=tuple(_listed(name, service) for name, service in ws.registry.services.items()))


def _listed(name: str, service: Service) -> ListedService:
    return ListedService(
        name=name,
        path=service.path,
        version_table=service.alembic.version_table if service.alembic else "",
        owns=service.owns,
        after=service.after,
        seeds=tuple(seed.what for seed in service.seeds),
        runner=" ".join(service.runner or ()),
    )
