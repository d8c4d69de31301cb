"""Plain alembic in a service's folder, where another server has the port of its alembic.ini."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aegisdb.doctor.plain_alembic import reaches_another
from aegisdb.revisions.load import good_histories
from aegisdb.workspace import open_workspace
from tests.monorepo import INI, Rev, Svc, build_monorepo, write


def told(root: Path, url: str, *, own: int, managed: bool = True) -> list[str]:
    """What is found where the target's server has the port `own`; no server is asked."""
    build_monorepo(root, {"a": Svc(revisions=(Rev(id="a1"),))})
    write(root / "services/a/alembic.ini", INI.replace("postgresql+psycopg://nobody@127.0.0.1:1/nothing", url))
    ws = open_workspace(cwd=root, environ={})
    server = SimpleNamespace(managed=managed)
    seen = SimpleNamespace(
        registry=ws.registry, server=server, target="local", address=lambda: SimpleNamespace(port=own)
    )
    patient: Any = SimpleNamespace(ws=seen, database=object(), good=good_histories(ws.registry))
    return [f"{one.what} {one.command}" for one in reaches_another(patient)]


def test_a_port_that_is_anothers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        url = f"postgresql+psycopg://aegis:pw%%40@localhost:{port}/aegis"
        (said,) = told(tmp_path / "1", url, own=port + 1)
        assert f"plain alembic in a reaches localhost:{port}, and target local is on port {port + 1}" in said
        assert "invoke db.env" in said
        assert told(tmp_path / "2", url, own=port) == []
        assert told(tmp_path / "3", url, own=port + 1, managed=False) == []
        monkeypatch.setenv("DATABASE_URL", f"postgresql://aegis@127.0.0.1:{port + 1}/aegis")
        assert told(tmp_path / "4", url, own=port + 1) == []
        monkeypatch.delenv("DATABASE_URL")
    assert told(tmp_path / "5", url, own=port + 1) == []  # nobody is there


@pytest.mark.parametrize(
    "url", ["", "driver://user:pass@localhost/dbname:x", "postgresql://db.example/x", "%(nothing)s"]
)
def test_what_leads_nowhere_here_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert told(tmp_path, url, own=1) == []
