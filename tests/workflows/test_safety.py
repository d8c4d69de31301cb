"""What may be destroyed: what may be destroyed is decided from the open connection, and default is deny."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import command, environment
from tests.postgres_server import PASSWORD
from tests.workflows.project import Project, project

DESTRUCTIVE = (("db.reset", "--yes"), ("db.restore", "kept", "--yes"))


@pytest.fixture
def own(tmp_path: Path, database: Address) -> Iterator[Project]:
    """A project whose database carries a valid marker."""
    with project(tmp_path, database) as made:
        made.write("precious")
        yield made


@pytest.fixture
def shared(tmp_path: Path, database: Address) -> Iterator[Project]:
    """A project whose database nothing proves to be ours, with a snapshot of it."""
    with project(tmp_path, database, kind=None) as made:
        made.write("precious")
        assert made.invoke("db.snapshot", "kept").code == 0
        yield made


@pytest.mark.parametrize("words", DESTRUCTIVE)
def test_a_shared_database_is_refused_and_shows_what_was_reached(shared: Project, words: tuple[str, ...]) -> None:
    ran = shared.invoke(*words)
    assert ran.code == 3
    assert f"{shared.address.database}@127.0.0.1:{shared.address.port}" in ran.last
    assert shared.text() == "precious"


def test_protected_beats_every_proof(own: Project) -> None:
    own.set_target(protected=True)
    ran = own.invoke("db.reset", "--yes")
    assert ran.code == 3
    assert "error[protected]" in ran.last
    assert own.text() == "precious"


@pytest.mark.parametrize("host", ["localhost", "[::ffff:127.0.0.1]", "127.1", "0"])
def test_a_protected_database_is_refused_as_any_target(own: Project, host: str) -> None:
    own.set_target(protected=True)
    url = own.address.url().replace("@127.0.0.1:", f"@{host}:")
    assert host in url
    ran = own.invoke("db.reset", "--yes", env={"DATABASE_URL": url})
    assert ran.code == 3
    assert "target 'local' is `protected: true` in services.yaml, and 'env' leads to its database" in ran.last
    assert own.text() == "precious"


@pytest.mark.parametrize("where", ["shell", "dotenv"])
def test_aegis_env_production_beats_every_proof(own: Project, where: str) -> None:
    if where == "dotenv":
        (own.root / ".env").write_text("AEGIS_ENV=production\n")
    ran = own.invoke("db.reset", "--yes", env={"AEGIS_ENV": "production"} if where == "shell" else {})
    assert ran.code == 3
    assert "AEGIS_ENV" in ran.last
    assert own.text() == "precious"


@pytest.mark.parametrize("where", ["setting", "table"])
def test_a_production_marker_beats_every_proof(own: Project, where: str) -> None:
    with connect(own.address) as conn:
        if where == "setting":
            conn.execute(f"ALTER DATABASE {own.address.database} SET aegisdb.environment = 'production'")
        else:
            conn.execute("CREATE SCHEMA aegisdb; CREATE TABLE aegisdb.marker (name text PRIMARY KEY, value text)")
            conn.execute("INSERT INTO aegisdb.marker VALUES ('environment', 'production')")
    ran = own.invoke("db.reset", "--yes")
    assert ran.code == 3
    assert "production marker" in ran.last
    assert own.text() == "precious"


def test_a_copied_marker_denies(own: Project, database: Address) -> None:
    with databases.maintenance(database) as conn:
        comment = conn.value(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (database.database,)
        )
        other = f"{database.database}_copy"
        databases.clone(conn, database.database, other)  # carries the comment along
        assert markers.read_marker(conn, other) is not None
        databases.drop(conn, database.database)
        databases.rename(conn, other, database.database)
        assert str(markers.read_marker(conn, database.database)).endswith("valid=False)")
    assert "aegisdb" in str(comment)
    ran = own.invoke("db.reset", "--yes")
    assert ran.code == 3
    assert own.text() == "precious"


def test_signals_deny(shared: Project, database: Address) -> None:
    """A replication slot, and a role of a hosted service, even for a person who would confirm."""
    _allow(shared)
    with databases.maintenance(database) as conn:
        conn.execute("CREATE ROLE cloudsqlsuperuser")
        try:
            ran = shared.invoke("db.reset")
        finally:
            conn.execute("DROP ROLE cloudsqlsuperuser")
    assert ran.code == 3
    assert "cloudsqlsuperuser" in ran.last
    with connect(database, application="somebody"):
        ran = shared.invoke("db.reset")
    assert ran.code == 3
    assert "somebody" in ran.last
    assert shared.text() == "precious"


def test_an_allowed_database_still_needs_a_terminal(shared: Project) -> None:
    _allow(shared)
    for words in DESTRUCTIVE:  # --yes does not serve it
        ran = shared.invoke(*words)
        assert ran.code == 3
        assert "terminal" in ran.last
    assert shared.text() == "precious"


def test_an_entry_that_git_tracks_does_not_count(shared: Project) -> None:
    _allow(shared)
    for words in (["init", "-q"], ["add", "-f", ".aegisdb/allow-destroy"]):
        subprocess.run(["git", *words], cwd=shared.root, check=True)
    ran = shared.invoke("db.reset")
    assert ran.code == 3
    assert "error[shared]" in ran.last


@pytest.mark.parametrize(("typed", "code"), [("right", 0), ("wrong", 3), ("y", 3), ("", 3)])
def test_a_typed_name_opens_an_allowed_database(shared: Project, typed: str, code: int) -> None:
    _allow(shared)
    name = f"{shared.address.database}@127.0.0.1:{shared.address.port}"
    got = _in_a_terminal(shared, {"right": name, "wrong": shared.address.database}.get(typed, typed))
    assert got == code
    assert shared.text() == ("fresh" if code == 0 else "precious")


def test_status_says_which_proof_holds(own: Project) -> None:
    shown = own.invoke("db.status", "--format", "json").json["result"]
    assert shown["disposable"].startswith("P3: made by the suite as a test database")
    assert shown["against"] == []
    with databases.maintenance(own.address) as conn:
        conn.execute(f"COMMENT ON DATABASE {own.address.database} IS NULL")
    assert own.invoke("db.status", "--format", "json").json["result"]["disposable"] == ""


def _allow(made: Project) -> None:
    with connect(made.address) as conn:
        identity = conn.identity()
    made.root.joinpath(".aegisdb").mkdir(exist_ok=True)
    line = f"{identity.system_identifier} {identity.database}\n"
    (made.root / ".aegisdb" / "allow-destroy").write_text(f"# mine\n{line}")


def _in_a_terminal(made: Project, answer: str) -> int:
    """Run db.reset on a pseudo-terminal and type an answer to its question; the exit code."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command("db.reset"), cwd=made.root, env=environment(made.env), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen, answered, deadline = b"", False, time.monotonic() + 180
    while time.monotonic() < deadline:
        ready, _, _ = select.select([ours], [], [], 0.2)
        try:
            seen += os.read(ours, 4096) if ready else b""
        except OSError:  # Linux: the other side is closed
            break
        if not answered and b"to go on:" in seen:
            os.write(ours, f"{answer}\n".encode())
            answered = True
        if not ready and child.poll() is not None:
            break
    os.close(ours)
    assert answered
    assert PASSWORD.encode() not in seen
    return child.wait(60)
