"""Plain data of a sound services.yaml to the dataclasses of `types`, without pydantic."""

from __future__ import annotations

from typing import Any

from aegisdb.registry.fleets import Fleet, Members, Stage
from aegisdb.registry.kinds import SEEDS, TARGETS
from aegisdb.registry.types import AlembicSettings, Database, RegistryFile, Service, SnapshotLimits


def build_file(plain: dict[str, Any]) -> RegistryFile:
    """The registry's content; `plain` has passed all checks."""
    content = dict(plain)
    content["targets"] = {name: TARGETS.build(target) for name, target in plain["targets"].items()}
    content["database"] = Database(**_with_tuples(plain["database"]))
    content["services"] = {name: _service(service) for name, service in plain.get("services", {}).items()}
    if "snapshots" in plain:
        content["snapshots"] = SnapshotLimits(**plain["snapshots"])
    content["fleets"] = {name: _fleet(fleet) for name, fleet in plain.get("fleets", {}).items()}
    return RegistryFile(**content)


def _with_tuples(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}


def _fleet(plain: dict[str, Any]) -> Fleet:
    stages = tuple(Stage(**stage) for stage in plain.get("stages", ()))
    return Fleet(**{**_with_tuples(plain), "members": Members(**_with_tuples(plain["members"])), "stages": stages})


def _service(plain: dict[str, Any]) -> Service:
    content = _with_tuples(plain)
    content["seeds"] = tuple(SEEDS.build(seed) for seed in plain.get("seeds", ()))
    if plain.get("alembic"):
        content["alembic"] = AlembicSettings(**_with_tuples(plain["alembic"]))
    return Service(**content)
