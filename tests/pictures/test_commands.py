"""db.diagram and migrate.graph on a database; where they write and where they refuse to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aegisdb.errors import Refused, UsageError
from aegisdb.postgres.address import Address
from aegisdb.workflows.pictures import diagram, graph
from aegisdb.workspace import Workspace, open_workspace
from tests.base_schema import ROOT
from tests.invoke import invoke

REGISTRY = """
version: 1
project: aegis
targets: {t: {url: "${TARGET_URL}", proof: t}}
database: {name: aegis, user: aegis}
services:
  identity:
    path: identity
    alembic: {version_table: alembic_version_identity}
    owns: [users, user_sessions, api_keys]
"""


@pytest.fixture
def ws(tmp_path: Path, base_database: Address) -> Workspace:
    (tmp_path / "services.yaml").write_text(REGISTRY)
    service = tmp_path / "identity"
    shutil.copytree(ROOT / "services" / "identity" / "alembic", service / "alembic")
    (service / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    return open_workspace(cwd=tmp_path, environ={"TARGET_URL": base_database.url()})


def test_the_diagram_shows_the_base_schema_with_owners(ws: Workspace) -> None:
    result = diagram(ws)
    svg = Path(result.file).read_text()
    assert result.shows == "19 tables, 21 foreign keys, 0 graph labels"
    assert all(f">{name}</text>" in svg for name in ("users", "audit_logs", "identity", "owned by nobody"))
    assert "alembic_version" not in svg


def test_a_picture_is_replaced_but_never_another_file(ws: Workspace, tmp_path: Path) -> None:
    mine, other = tmp_path / "schema.md", tmp_path / "README.md"
    assert diagram(ws, output=str(mine)).bytes == diagram(ws, output=str(mine)).bytes
    assert mine.read_text().startswith("```mermaid\nerDiagram\n")
    other.write_text("# mine\n")
    with pytest.raises(Refused, match="not made by aegisdb"):
        diagram(ws, output=str(other))
    assert other.read_text() == "# mine\n"


def test_what_stands_in_the_place_of_a_picture(ws: Workspace, tmp_path: Path) -> None:
    """An empty file is what a full disk or a power cut leaves of ours; a link to nothing is somebody's plan."""
    places = {name: tmp_path / f"{name}.svg" for name in ("empty", "zeros", "link", "pipe", "directory")}
    places["empty"].touch()
    places["zeros"].write_bytes(bytes(512))
    places["link"].symlink_to(tmp_path / "nowhere.svg")
    os.mkfifo(places["pipe"])
    places["directory"].mkdir()
    for name in ("empty", "zeros"):
        assert graph(ws, output=str(places[name])).bytes == places[name].stat().st_size
    for name in ("link", "pipe"):
        with pytest.raises(Refused, match="not made by aegisdb"):
            graph(ws, output=str(places[name]))
    assert not (tmp_path / "nowhere.svg").exists()
    with pytest.raises(UsageError, match=r"directory\.svg cannot be written"):
        graph(ws, output=str(places["directory"]))
    default = ws.registry.state / "histories.svg"
    for cut in (0, 1, 20, 60):
        default.write_bytes(places["empty"].read_bytes()[:cut])
        assert graph(ws).bytes == default.stat().st_size
    default.unlink()
    default.symlink_to(tmp_path / "nowhere.svg")
    with pytest.raises(Refused, match="not made by aegisdb"):
        graph(ws)
    default.unlink()
    default.mkdir()
    with pytest.raises(UsageError, match=r"histories\.svg cannot be written"):
        graph(ws)


@pytest.mark.parametrize("output", ["picture.png", "nowhere/picture.svg"])
def test_a_name_that_cannot_be_written_is_a_mistake_of_typing(ws: Workspace, tmp_path: Path, output: str) -> None:
    with pytest.raises(UsageError):
        graph(ws, output=str(tmp_path / output))


def test_the_histories_are_drawn_with_and_without_a_database(ws: Workspace, tmp_path: Path) -> None:
    assert graph(ws).shows == "1 history, 7 revisions"
    away = open_workspace(cwd=tmp_path, environ={"TARGET_URL": "postgresql://nobody@127.0.0.1:1/nowhere"})
    assert "no database reached" in Path(graph(away).file).read_text()


def test_the_commands_say_where_the_picture_is(ws: Workspace, base_database: Address) -> None:
    for command in ("db.diagram", "migrate.graph"):
        ran = invoke(command, "--format", "json", cwd=ws.registry.root, env={"TARGET_URL": base_database.url()})
        assert ran.code == 0, ran.err
        assert Path(ran.json["result"]["file"]).read_text().startswith("<svg ")
