"""`proof:` names a target that may have databases of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import RegistryError
from aegisdb.registry import load
from aegisdb.registry.types import Registry


def read(root: Path, targets: str, environ: dict[str, str] | None = None) -> Registry:
    (root / "services.yaml").write_text(
        f"version: 1\nproject: p\ntargets: {targets}\ndatabase: {{name: d, user: u, password: x}}\n"
    )
    return load(root / "services.yaml", environ or {})


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ("{local: {server: embedded, proof: lokal}}", "no target is called 'lokal'"),
        ("{local: {server: embedded, protected: true, proof: local}}", "target local is protected"),
        ("{a: {server: embedded, proof: b}, b: {url: 'postgresql://u@h/d', protected: true}}", "target b is protected"),
    ],
)
def test_what_it_cannot_name(tmp_path: Path, targets: str, said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        read(tmp_path, targets)


def test_it_is_said_beside_database_url(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://u@h/d", "AEGIS_PROOF": "local"}
    assert read(tmp_path, "{local: {server: embedded}}", environ).target("env").proof == "local"
