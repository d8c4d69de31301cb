r"""psql's commands in SQL files: a dump and what stays in the file run as psql runs them, the rest stops the file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aegisdb.errors import StatementFailed
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql import login, run_file
from aegisdb.postgres.psql_commands import commands, refused
from tests.postgres_server import BIN

DUMP = "--\n-- PostgreSQL database dump\n--\n\n\\restrict k3Y\n\n{}\n\n\\unrestrict k3Y\n\n"


def names(text: str) -> list[str]:
    return [command.name for command in commands(text)]


@pytest.mark.parametrize(
    "text",
    [
        r"SELECT 'a\b', E'it\'s \\ \x', U&'\0061', $$ \! $$, $a$ $$ \! $a$, '\' -- \echo" + "\n",
        r'SELECT "a\b"; /* \echo /* \echo */ \echo */ SELECT 1;',
        "COPY t (a) FROM stdin;\n\\N\n\\echo x\n\\\\.\n\\.\nSELECT 1;",
        "copy t from stdin with (format csv); SELECT '\\';\n\\echo x\n\\.\n",
        r"SELECT a$1$b FROM t \; SELECT x \: y;",
        "SELECT E'a'\n  'b\\'c \\echo';",
        "SELECT 'open \\echo",
    ],
)
def test_what_is_no_command(text: str) -> None:
    assert names(text) == []


def test_commands_and_their_ends() -> None:
    text = "\\set a 'x\\'y' \\echo \"\\\" :a\\\\ SELECT 1 \\gset\nSELECT nameE'\\' \\g\n\\d+ t\n"
    assert names(text) == ["set", "echo", "gset", "g", "d+"]
    assert refused(text) is None


@pytest.mark.parametrize(
    "command",
    [
        r"\! true",
        r"\connect postgres",
        r"\c",
        r"\copy t from 'x'",
        r"\i other.sql",
        r"\ir other.sql",
        r"\o out",
        r"\g out",
        r"\gx |cat",
        r"\setenv A b",
        r"\getenv a HOME",
        r"\cd /",
        r"\watch 1",
        r"\lo_export 1 'x'",
        r"\echo `true`",
        r"\set a `true`",
        r"\set ON_ERROR_STOP off",
        r"\set ON_ERROR_STOP :x",
        r"\set 'ON_ERROR_STOP' 0",
        r"\set :name 0",
        r"\unset ON_ERROR_STOP",
        r"\unrestrict x",
        r"\restrict",
        "\\restrict a\n\\echo x",
        "\\restrict a\n\\unrestrict b",
        "\\if false\nSELECT '\\else';\n\\endif",
        "\\if false\nCOPY t FROM stdin;\n\\else\n\\! true\n\\.\n\\endif",
    ],
)
def test_what_may_not_run(command: str) -> None:
    assert refused(f"SELECT 1;\n{command}\n") is not None


HARMLESS = r"""\set ON_ERROR_STOP on
\set size 3
\echo made with :size
\timing on
\pset pager off
SELECT 4 AS four \gset
CREATE TABLE made (i integer, t text);
INSERT INTO made VALUES (:size, 'a\b'), (:four, :'size');
\if :{?unknown}
  INSERT INTO made VALUES (99, 'false');
  \! touch escaped
\elif true
  INSERT INTO made VALUES (5, 'elif');
\else
  INSERT INTO made VALUES (98, 'false');
\endif
SELECT 'INSERT INTO made VALUES (6, ''gexec'')' \gexec
\unset size
\d made
"""


def run(database: Address, directory: Path, text: str, *, single_transaction: bool = True) -> None:
    path = directory / "a file.sql"
    path.write_text(text, encoding="latin-1")
    run_file(database, path, bindir=BIN, single_transaction=single_transaction)


def rows(database: Address, sql: str) -> list[tuple[object, ...]]:
    with connect(database) as conn:
        return conn.rows(sql)


@pytest.mark.parametrize("single_transaction", [True, False])
def test_what_stays_in_the_file_runs(database: Address, tmp_path: Path, *, single_transaction: bool) -> None:
    text = HARMLESS.replace("  \\! touch escaped\n", "").replace("'a\\b'", "'ab'")
    run(database, tmp_path, text, single_transaction=single_transaction)
    assert rows(database, "SELECT i, t FROM made ORDER BY i") == [
        (3, "ab"),
        (4, "3"),
        (5, "elif"),
        (6, "gexec"),
    ]


@pytest.mark.parametrize(
    "escape",
    [
        # a value that is pasted into SQL is read as SQL, with the commands in it
        "\\set x '\\\\! touch escaped'\n:x\n",
        # psql reads these otherwise than a text with standard strings
        "\\echo x\nSET standard_conforming_strings = off;\nSELECT '\\' \\! touch escaped\n'';\n",
        "\\set a b\n\\if true\n\\! touch escaped\n\\endif\n",
        "\\if false\nSELECT 1;\n\\else\n\\! touch escaped\n\\endif\n",
        "\\echo `touch escaped`\n",
        "\\restrict a\n\\! touch escaped\n\\unrestrict a\n",
        "\\restrict a\n\\unrestrict a\n\\! touch escaped\n",
    ],
)
def test_no_command_leaves_the_file_beside_those_that_run(database: Address, tmp_path: Path, escape: str) -> None:
    with pytest.raises(StatementFailed):
        run(database, tmp_path, f"CREATE TABLE one (i int);\n{escape}")
    assert not (tmp_path / "escaped").exists()
    assert rows(database, "SELECT to_regclass('one')") == [(None,)]


def test_the_command_and_its_line_are_named(database: Address, tmp_path: Path) -> None:
    with pytest.raises(StatementFailed) as caught:
        run(database, tmp_path, DUMP.format("CREATE TABLE one (i int);\n\\connect postgres\n"))
    assert caught.value.where == f"{tmp_path / 'a file.sql'}:8"
    assert r"\connect, a psql command that is not allowed" in caught.value.message
    with pytest.raises(StatementFailed) as caught:
        run(database, tmp_path, "\\echo a\n\nSELECT\n  1/0;\n")
    assert caught.value.where == f"{tmp_path / 'a file.sql'}:3"
    assert caught.value.statement == "SELECT\n  1/0;"


def test_a_dump_runs(database: Address, tmp_path: Path) -> None:
    with connect(database) as conn:
        conn.execute('CREATE TABLE "odd \\ name" (a text, b text)')
        conn.execute(r"""INSERT INTO "odd \ name" VALUES ('\', E'a\n\\.\n\\! true'), (E'\\echo\t\\', NULL)""")
        conn.execute(r"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '\! x' $f$")
    before = rows(database, 'SELECT * FROM "odd \\ name" ORDER BY 1')
    with login(database, application="test") as (variables, descriptors):
        made = subprocess.run(
            [BIN / "pg_dump", "--no-owner"], env=variables, pass_fds=descriptors, check=True, capture_output=True
        )
    assert b"\\restrict" in made.stdout
    with connect(database) as conn:
        conn.execute('DROP TABLE "odd \\ name"')
        conn.execute("DROP FUNCTION f")
    run(database, tmp_path, made.stdout.decode("latin-1").replace("CREATE SCHEMA public;", ""))
    assert rows(database, 'SELECT * FROM "odd \\ name" ORDER BY 1') == before
    assert rows(database, "SELECT f()") == [("\\! x",)]


def test_a_psql_without_restrict_is_not_asked(database: Address, tmp_path: Path) -> None:
    ran = tmp_path / "bin" / "ran"
    fake = tmp_path / "bin" / "psql"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\n[ "$2" = --help=commands ] && exit 0\n'
        'case "$*" in *"host=\'/dev/null/aegisdb\'"*) echo "nobody at /dev/null/aegisdb" >&2; exit 2;; esac\n'
        f'echo "$@" > {ran}\ncat "$(eval echo \\${{$#}})" >> {ran}\n'
    )
    fake.chmod(0o755)
    path = tmp_path / "a.sql"
    path.write_text("SELECT 1;\n\\! touch escaped\n")
    with pytest.raises(StatementFailed, match=r"\\!") as caught:
        run_file(database, path, bindir=fake.parent)
    assert caught.value.where == f"{path}:2"
    assert not ran.exists()
    path.write_text(DUMP.format("SELECT 1;\n\\echo x"))
    with pytest.raises(StatementFailed, match=r"\\echo below"):
        run_file(database, path, bindir=fake.parent)
    path.write_text(DUMP.format("SELECT 1;") + "\\echo x\n")
    run_file(database, path, bindir=fake.parent)
    assert "restrict" not in ran.read_text()
    assert "\\echo x\n" in ran.read_text()
