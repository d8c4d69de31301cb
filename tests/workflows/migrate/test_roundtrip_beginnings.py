"""A proof of the last revisions of a long history starts on a template of the first ones, and says the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write
from tests.postgres_server import TestServer
from tests.workflows.migrate.test_roundtrip_elsewhere import timeless

LENGTH = 130
NAME = "roundtrip_beginnings"


def simple(number: int, *, up: str = "") -> Rev:
    name = f"t{number}"
    return Rev(id=f"r{number}", up=up or table(name), down=f'op.execute("DROP TABLE {name}")')


LAST, LAST_TABLE = simple(LENGTH), f"t{LENGTH}"


class Mono:
    """A long history that may be written anew."""

    def __init__(self, root: Path, address: Address) -> None:
        self.root = root
        self.address = address

    def write(self, *changed: Rev, last: Rev = LAST) -> None:
        kept = {revision.id: revision for revision in changed}
        simples = (simple(number) for number in range(1, LENGTH))
        revisions = (*(kept.get(revision.id, revision) for revision in simples), last)
        build_monorepo(self.root, {"app": Svc(revisions=revisions)}, url="${THE_URL}", extra={"project": NAME})

    def prove(self, **more: str) -> Ran:
        words = ("migrate.roundtrip", "--last", "1", "--format", "json")
        return invoke(*words, cwd=self.root, env={"THE_URL": self.address.url(), **more})

    def templates(self) -> set[str]:
        found = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname LIKE '%%ground%%'"
        with psycopg.connect(self.address.url()) as conn:
            return {name for (name,) in conn.execute(found, (NAME,))}


def upgraded(ran: Ran) -> list[str]:
    return re.findall(r"upgrade app (r\d+)", ran.err)


@pytest.fixture(scope="module")
def mono(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mono]:
    with server.own_database(NAME) as address:
        yield Mono(tmp_path_factory.mktemp("beginnings"), address)


def report(ran: Ran) -> Any:
    assert ran.code in (0, 6), ran.err
    return timeless(ran.json)


def test_what_was_built_before_is_not_built_again(mono: Mono) -> None:
    mono.write()
    whole = mono.prove(AEGIS_WHOLE_HISTORIES="1")
    assert len(upgraded(whole)) == LENGTH + 1
    assert not mono.templates()
    assert report(mono.prove()) == report(whole)
    assert len(mono.templates()) == 1
    again = mono.prove()
    assert report(again) == report(whole)
    assert upgraded(again) == [f"r{number}" for number in (*range(121, LENGTH + 1), LENGTH)]


def test_what_the_last_one_meets_is_built_of_the_files_as_they_are(mono: Mono) -> None:
    """A column of an early revision is renamed: the last one, which uses it, fails."""
    last = replace(LAST, up=f'{table(LAST_TABLE)}\nop.execute("COMMENT ON COLUMN t7.id IS NULL")')
    mono.write(last=last)
    assert report(mono.prove())["services"][0]["revisions"][0]["status"] == "proven"
    mono.write(simple(7, up='op.execute("CREATE TABLE t7 (renamed int)")'), last=last)
    proof = report(mono.prove())["services"][0]["revisions"][0]
    assert [finding["code"] for finding in proof["findings"]] == ["upgrade_failed"]


def test_code_that_a_revision_imports_counts(mono: Mono) -> None:
    home = mono.root / "services" / "app"
    mono.write(
        simple(9, up='from early import COLUMN\nop.execute(f"CREATE TABLE t9 ({COLUMN} int)")'),
        last=replace(LAST, up=f'{table(LAST_TABLE)}\nop.execute("COMMENT ON COLUMN t9.one IS NULL")'),
    )
    write(home / "early.py", "from further import COLUMN\n")
    write(home / "further.py", 'COLUMN = "one"\n')
    found = [report(mono.prove()) for _ in range(3)]
    assert [one["services"][0]["revisions"][0]["status"] for one in found] == ["proven"] * 3
    write(home / "further.py", 'COLUMN = "two"\n')
    assert report(mono.prove())["exit_code"] == 6


def test_what_an_early_revision_leaves_in_the_process_is_there(mono: Mono) -> None:
    """It applies in one run only, which is told as it is without a template."""
    up = 'import sys\nsys.modules["left_by_r3"] = sys\n' + table("t3")
    last = replace(LAST, up=f"import left_by_r3\n{table(f't{LENGTH}')}")
    mono.write(simple(3, up=up), last=last)
    found = [report(mono.prove(AEGIS_WHOLE_HISTORIES=whole)) for whole in ("1", "", "")]
    assert found[0] == found[1] == found[2]
