"""SQL files through psql: all or nothing, file:line, and no way out of the file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aegisdb.errors import AegisError, BadInput, StatementFailed, Unreachable
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql import run_file
from tests.postgres_server import BIN, PASSWORD


def _file(directory: Path, text: str, name: str = "a file.sql") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def _exists(database: Address, table: str) -> bool:
    with connect(database) as conn:
        return conn.value("SELECT to_regclass(%s)", (table,)) is not None


def test_a_file_runs(database: Address, tmp_path: Path) -> None:
    assert run_file(database, _file(tmp_path, "CREATE TABLE made (i int);"), bindir=BIN) > 0
    assert _exists(database, "made")


def test_a_failing_statement_keeps_nothing(database: Address, tmp_path: Path) -> None:
    path = _file(
        tmp_path, "CREATE TABLE one (i int);\n\nINSERT INTO\n  nowhere\nVALUES (1);\nCREATE TABLE two (i int);\n"
    )
    with pytest.raises(StatementFailed) as caught:
        run_file(database, path, bindir=BIN)
    assert caught.value.where == f"{path}:3"
    assert caught.value.sqlstate == "42P01"
    assert caught.value.statement == "INSERT INTO\n  nowhere\nVALUES (1);"
    assert 'relation "nowhere" does not exist' in caught.value.message
    assert not _exists(database, "one")


def test_a_failing_file_without_a_transaction_stops_there(database: Address, tmp_path: Path) -> None:
    path = _file(tmp_path, "CREATE TABLE one (i int);\nSELECT 1/0;\nCREATE TABLE two (i int);\n")
    with pytest.raises(StatementFailed):
        run_file(database, path, bindir=BIN, single_transaction=False)
    assert _exists(database, "one")
    assert not _exists(database, "two")


@pytest.mark.parametrize("escape", [r"\! touch escaped", r"\connect postgres", r"\unrestrict x", r"\copy t from 'x'"])
def test_commands_that_leave_the_file_are_refused(database: Address, tmp_path: Path, escape: str) -> None:
    path = _file(tmp_path, f"CREATE TABLE one (i int);\n{escape}\n")
    with pytest.raises(StatementFailed) as caught:
        run_file(database, path, bindir=BIN)
    assert caught.value.where == f"{path}:2"
    assert not _exists(database, "one")
    assert not (tmp_path / "escaped").exists()


def test_an_unrestricted_file_may_connect_elsewhere(database: Address, tmp_path: Path) -> None:
    path = _file(tmp_path, f"\\connect {database.database}\nCREATE TABLE made (i int);\n")
    run_file(database, path, bindir=BIN, single_transaction=False, restrict=False)
    assert _exists(database, "made")


def test_hostile_surroundings_do_not_count(database: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".psqlrc").write_text("\\set ON_ERROR_STOP off\n\\! touch rc\n")
    for name, value in {"HOME": str(tmp_path), "PSQLRC": str(tmp_path / ".psqlrc"), "PGDATABASE": "postgres"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.9")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=pg_catalog")
    run_file(database, _file(tmp_path, "CREATE TABLE made (i int);"), bindir=BIN)
    assert _exists(database, "public.made")
    assert not (tmp_path / "rc").exists()


@pytest.mark.parametrize("text", ["CREATE ROLE x PASSWORD 'C4n%a@r/y' nonsense;", "SELECT 'C4n%a@r/y' nonsense x;"])
def test_no_password_in_an_error(database: Address, tmp_path: Path, text: str) -> None:
    with pytest.raises(StatementFailed) as caught:
        run_file(database, _file(tmp_path, text), bindir=BIN)
    assert PASSWORD not in f"{caught.value.message} {caught.value.statement} {caught.value.hint}"


def test_no_password_in_arguments_or_files(database: Address, tmp_path: Path) -> None:
    """While the file runs, every process's arguments and every new file below the temporary directory are read."""
    seen = tmp_path / "seen"
    fake = tmp_path / "psql"
    fake.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"if '--help=commands' in sys.argv: sys.exit(0)\n"
        "passfile = open(os.environ['PGPASSFILE']).read()\n"
        f"open({str(seen)!r}, 'w').write(repr(sys.argv) + repr(dict(os.environ)) + passfile)\n"
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    run_file(replace(database, ours=True), _file(tmp_path, "SELECT 1;"), bindir=tmp_path)
    arguments, _, passfile = seen.read_text().partition("*:*:*:*:")
    assert PASSWORD not in arguments
    assert passfile == f"{PASSWORD}\n"
    if sys.platform == "linux":
        assert "/dev/fd/" in arguments  # nothing on disk that a kill -9 could leave


def test_a_missing_file_is_bad_input(database: Address, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        run_file(database, tmp_path / "none.sql", bindir=BIN)


def test_a_server_that_is_gone(database: Address, tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(Unreachable) as caught:
        run_file(replace(database, port=1), _file(tmp_path, "SELECT 1;"), bindir=BIN)
    assert "\n" not in caught.value.message


def test_the_systems_own_psql_does_it_too(database: Address, tmp_path: Path) -> None:
    asked = subprocess.run(["psql", "--version"], capture_output=True, check=False) if _on_path("psql") else None
    if asked is None or asked.returncode:
        pytest.skip("no psql on PATH")
    with pytest.raises(AegisError) as caught:
        run_file(database, _file(tmp_path, "SELECT 1;\nSELECT nonsense;\n"), bindir=None)
    assert caught.value.where.endswith(":2")


def _on_path(name: str) -> bool:
    return any((Path(part) / name).is_file() for part in os.environ.get("PATH", "").split(os.pathsep))
