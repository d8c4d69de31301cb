"""Small registries on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aegisdb.errors import RegistryError
from aegisdb.registry import load
from aegisdb.registry.types import Registry

SOUND = """\
version: 1
project: demo
targets:
  local: {server: embedded}
database:
  name: demo
  user: demo
  password: ${DEMO_PASSWORD:-demo}
services:
  shop:
    path: shop
    alembic: {version_table: alembic_version_shop}
    owns: [orders, "order_*"]
"""


def write(root: Path, text: str = SOUND) -> Path:
    """services.yaml with `text`, beside the services `shop` and `stock`, which have an alembic.ini each."""
    for service in ("shop", "stock"):
        (root / service).mkdir(parents=True, exist_ok=True)
        (root / service / "alembic.ini").touch()
    path = root / "services.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(root: Path, text: str = SOUND, environ: Mapping[str, str] | None = None) -> Registry:
    """The loaded registry; nothing of the real environment is seen."""
    return load(write(root, text), environ or {})


def edited(old: str, new: str) -> str:
    """The sound registry with one passage replaced."""
    assert old in SOUND
    return SOUND.replace(old, new)


def with_service(body: str) -> str:
    """The sound registry with a second service `stock`; `body` is indented below it."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{SOUND}  stock:\n    path: stock\n{lines}"


def faults(root: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Every fault as `line:column message -> hint`."""
    with pytest.raises(RegistryError) as caught:
        read(root, text, environ)
    assert caught.value.exit_code == 2
    return [
        ":".join(fault.where.split(":")[-2:]) + f" {fault.message} -> {fault.hint}" for fault in caught.value.faults
    ]
