"""Many pending revisions: services that do not know of each other work at once, and nobody can tell by the result."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from aegisdb.fingerprint.catalog_reader import read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.progress import Event
from aegisdb.registry import load
from aegisdb.runtime import upgrade
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.upgrade import apply_histories
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo
from tests.running import SLEEP, children, eventually, gone, nothing_left, rows, running, sleepers, versions

MANY = 10
MEETING = """
op.execute("CREATE TABLE {}_5 (id int)")
op.execute("DO $$ DECLARE met bool; BEGIN FOR n IN 1..600 LOOP"
           " SELECT count(*) > 1 INTO met FROM p\\x67_class WHERE relname ~ '^[abc]_0$';"
           " EXIT WHEN met; PERFORM pg_sleep(0.1);"
           " END LOOP; END $$")
"""
"""Waits for the first revision of another service, in a catalog whose name no text shows."""


def history(name: str, **special: str) -> tuple[Rev, ...]:
    """Ten revisions; `special` gives some of them (n0 to n9) another body."""
    return tuple(
        Rev(id=f"{name}{n}", up=special.get(f"n{n}", f'op.execute("CREATE TABLE {name}_{n} (id int)")'))
        for n in range(MANY)
    )


def meeting() -> dict[str, Svc]:
    """Three services of which none can end before another one has begun, however the machine divides its time."""
    return {name: Svc(revisions=history(name, n5=MEETING.format(name))) for name in "abc"}


def log(database: Address) -> list[tuple[object, ...]]:
    return rows(database, "SELECT service, revision FROM aegisdb.journal WHERE action = 'upgrade' ORDER BY id")


def alternates(names: Sequence[object]) -> bool:
    """Whether it goes back and forth between services."""
    return sum(a != b for a, b in pairwise(names)) > len(set(names)) - 1


def test_services_that_do_not_know_of_each_other_work_at_once(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, meeting(), url=database.url())
    ran = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    done = log(database)
    assert alternates([service for service, _ in done]), "nothing was side by side"
    for name in "abc":
        assert [revision for service, revision in done if service == name] == [f"{name}{n}" for n in range(MANY)]
        assert versions(database, name) == [f"{name}9"]
    assert [s["service"] for s in ran.json["services"]] == ["a", "b", "c"]
    assert rows(database, "SELECT count(*) FROM aegisdb.in_flight") == [(0,)]
    assert nothing_left(database)


def test_few_revisions_and_those_that_wait_are_done_in_order(tmp_path: Path, database: Address) -> None:
    copies = "op.execute(\"CREATE TABLE b_0 AS SELECT relname FROM pg_class WHERE relname ~ '^a_.$'\")"
    services = {"a": Svc(revisions=history("a")), "b": Svc(revisions=history("b", n0=copies))}
    build_monorepo(tmp_path, services, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert not alternates([service for service, _ in log(database)])
    assert rows(database, "SELECT count(*) FROM b_0") == [(MANY,)]


def test_what_fails_only_because_it_ran_beside_is_tried_again_alone(tmp_path: Path, database: Address) -> None:
    # no text shows that b reads a table of a, so b begins before that is there
    hidden = "op.execute(\"CREATE TABLE b_0 AS SELECT * FROM \" + '_'.join(['a', '9']))"
    services = {"a": Svc(revisions=history("a")), "b": Svc(revisions=history("b", n0=hidden))}
    build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 0, ran.err
    done = [revision for _, revision in log(database)]
    assert done.index("b0") > done.index("a9")
    assert rows(database, "SELECT count(*) FROM aegisdb.in_flight") == [(0,)]


def test_a_revision_that_fails_stops_what_comes_after_it(tmp_path: Path, database: Address) -> None:
    services = {
        "a": Svc(revisions=history("a")),
        "b": Svc(revisions=history("b", n4='op.execute("SELECT nope")')),
        "c": Svc(revisions=history("c", n0=SLEEP.replace("600", "1"))),
        "d": Svc(revisions=history("d")),
    }
    build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    assert ran.code == 1
    assert "b: b4" in ran.last
    told = {s["service"]: (len(s["done"]), s["failed"], len(s["not_started"])) for s in ran.json["services"]}
    assert (told["a"], told["b"]) == ((MANY, "", 0), (4, "b4", 5))
    for name in "cd":
        done, failed, left = told[name]
        assert (done + left, failed) == (MANY, "")
        assert versions(database, name) == ([f"{name}{done - 1}"] if done else [])
    assert nothing_left(database)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_all_of_them_and_rolls_back(
    tmp_path: Path, database: Address, number: signal.Signals, code: int
) -> None:
    slow = f"op.execute('CREATE TABLE {{}}_3 (id int)')\n{SLEEP}"
    services = {name: Svc(revisions=history(name, n3=slow.format(name))) for name in "ab"}
    build_monorepo(tmp_path, services, url=database.url())
    with running(tmp_path, "migrate.apply", "--format", "json") as process:
        assert eventually(lambda: sleepers(database) == 2)
        started = children(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert '"failed": "a3"' in out
    assert '"failed": "b3"' in out
    assert eventually(lambda: nothing_left(database))
    assert eventually(lambda: gone(started))
    assert (versions(database, "a"), versions(database, "b")) == (["a2"], ["b2"])
    assert rows(database, "SELECT to_regclass('a_3'), to_regclass('b_3')") == [(None, None)]


def test_side_by_side_gives_what_one_after_the_other_gives(
    tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {name: Svc(revisions=history(name)) for name in "abc"}
    prints = []
    for width, services in ((1, alone), (3, meeting())):
        registry = load(build_monorepo(tmp_path, services, url=database.url()) / "services.yaml", {})
        monkeypatch.setattr(upgrade, "_width", lambda width=width: width)
        with connect(database) as conn:
            conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            events: list[Event] = []
            done = apply_histories(
                registry, database, conn.identity(), options=StepOptions(listen=events.append, journal=False)
            )
            assert len(done) == 3 * MANY
            assert alternates([step.service for step in done]) == (width > 1)
            prints.append(read(conn))
    assert prints[0] == prints[1]
