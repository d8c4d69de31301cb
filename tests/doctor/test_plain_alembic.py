"""Plain alembic in a service's folder, where another server has the port of its alembic.ini."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aegisdb.doctor.plain_alembic import reaches_another
from aegisdb.revisions.load import good_histories
from aegisdb.workspace import open_workspace
from tests.monorepo import INI, SYNC, Rev, Svc, build_monorepo, write

READING = "import os\n" + SYNC.replace(
    "    engine =",
    '    section["sqlalchemy.url"] = os.environ.get("DATABASE_URL") or section["sqlalchemy.url"]\n    engine =',
)


def told(
    root: Path,
    url: str,
    *,
    own: int,
    managed: bool = True,
    extra: Mapping[str, object] | None = None,
    env_py: str = READING,
) -> list[str]:
    """What is found where the target's server has the port `own`, and databases `aegis` and `aegis__wt_b`."""
    build_monorepo(root, {"a": Svc(revisions=(Rev(id="a1"),))}, extra=extra)
    write(root / "services/a/alembic/env.py", env_py.replace("{version_table}", "alembic_version_a"))
    write(root / "services/a/alembic.ini", INI.replace("postgresql+psycopg://nobody@127.0.0.1:1/nothing", url))
    ws = open_workspace(cwd=root, environ={})
    server = SimpleNamespace(managed=managed)
    seen = SimpleNamespace(
        registry=ws.registry,
        server=server,
        target="local",
        address=lambda: SimpleNamespace(host="127.0.0.1", port=own, database="aegis__wt_b"),
    )
    there = SimpleNamespace(value=lambda _sql, words: words[0] in {"aegis", "aegis__wt_b"})
    patient: Any = SimpleNamespace(ws=seen, database=object(), maintenance=there, good=good_histories(ws.registry))
    return [f"{one.what} {one.command}" for one in reaches_another(patient)]


def test_a_port_that_is_anothers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        url = f"postgresql+psycopg://aegis:pw%%40@localhost:{port}/aegis__wt_b"
        (said,) = told(tmp_path / "1", url, own=port + 1)
        assert (
            f"plain alembic in a reaches localhost:{port}/aegis__wt_b, and target local is 127.0.0.1:{port + 1}/"
            in said
        )
        assert "invoke db.env" in said
        assert told(tmp_path / "2", url, own=port) == []
        assert told(tmp_path / "3", url, own=port + 1, managed=False) == []
        monkeypatch.setenv("DATABASE_URL", f"postgresql://aegis@127.0.0.1:{port + 1}/aegis__wt_b")
        assert told(tmp_path / "4", url, own=port + 1) == []
        # where env.py does not look at it, it leads nobody elsewhere
        (said,) = told(tmp_path / "6", url, own=port + 1, env_py=SYNC)
        assert f"reaches localhost:{port}/aegis__wt_b, and" in said
        assert "env.py take its URL from the environment variable DATABASE_URL where it is set, then eval" in said
        monkeypatch.delenv("DATABASE_URL")
    assert told(tmp_path / "5", url, own=port + 1) == []  # nobody is there


@pytest.mark.parametrize(
    "url", ["", "driver://user:pass@localhost/dbname:x", "postgresql://db.example/x", "%(nothing)s"]
)
def test_what_leads_nowhere_here_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert told(tmp_path, url, own=1) == []


def test_another_database_of_the_same_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (said,) = told(tmp_path / "1", "postgresql://u@localhost:77/aegis", own=77)
    assert "reaches localhost:77/aegis, and target local is 127.0.0.1:77/aegis__wt_b" in said
    for number, name in enumerate(("aegis__wt_b", "nowhere", "")):
        assert told(tmp_path / f"x{number}", f"postgresql://u@localhost:77/{name}", own=77) == []


def test_the_database_of_another_target_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    targets = {"local": {"server": "embedded"}, "staging": {"url": "postgresql://u@db.example:5432/shop"}}
    (said,) = told(tmp_path / "1", "postgresql+asyncpg://u:p@db.example/shop", own=77, extra={"targets": targets})
    assert "reaches db.example:5432/shop" in said
    assert told(tmp_path / "2", "postgresql://u:p@db.example/other", own=77, extra={"targets": targets}) == []
