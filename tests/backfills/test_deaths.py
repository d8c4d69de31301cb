"""A backfill that is killed, cut off or met by others: it goes on where it was, and no row is changed twice."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.backfills.project import alembic, fill, project, run
from tests.invoke import invoke
from tests.postgres_server import start_server
from tests.running import eventually, nothing_left, rows, running, versions

ROWS = 20_000
DONE = "SELECT count(*), count(y), min(times), max(times), bool_and(y = x * 2) FROM a_1"
ALL = [(ROWS, ROWS, 1, 1, True)]
SLOW = "share=1.0, hold=0.02"  # small batches, so that there are many points to die at
AT_IT = (
    "SELECT FROM pg_stat_activity WHERE query LIKE '%backfill%' AND pid <> pg_backend_pid()"
    " AND datname = current_database()"
)


def begin(root: Path, database: Address) -> None:
    """A table whose every row takes a moment, so that a backfill lasts."""
    up = f'aegisdb.backfill("a_1", set="y = slow(x), times = times + 1", where="y IS NULL", {SLOW})'
    project(root, database, up)
    assert invoke("migrate.apply", "--service", "a", "--to", "a1", cwd=root).code == 0
    run(database, "CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS"
        " 'BEGIN PERFORM sqrt(n) FROM generate_series(1, 1500) n; RETURN x * 2; END'")  # fmt: skip
    fill(database, ROWS)


@contextmanager
def unending(database: Address) -> Iterator[None]:
    """Hold the last row, so that no backfill comes to its end within this, however late a test looks."""
    with psycopg.connect(database.url()) as holder:
        holder.execute("SELECT FROM a_1 WHERE id = %s FOR UPDATE", (ROWS,))
        yield


def done_so_far(database: Address) -> int:
    found = rows(database, "SELECT count(y) FROM a_1")[0][0]
    assert isinstance(found, int)
    return found


def walked(database: Address) -> int:
    if rows(database, "SELECT to_regclass('aegisdb.backfills') IS NULL") == [(True,)]:
        return 0
    found = rows(database, "SELECT walked FROM aegisdb.backfills")
    return int(str(found[0][0])) if found else 0


def kill_at(process: subprocess.Popen[str], database: Address, rows_done: int) -> None:
    assert eventually(lambda: walked(database) >= rows_done, 60)
    process.kill()
    process.wait()


def test_killed_at_ten_points_each_apply_goes_on_and_the_last_one_ends_it(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    seen = [0]
    for point in range(1, 11):
        with unending(database), running(tmp_path, "migrate.apply") as process:
            kill_at(process, database, max(seen[-1] + 1, point * ROWS // 20))
        assert nothing_left(database)
        seen.append(done_so_far(database))
        assert seen[-1] == walked(database), "the row of progress moves with the rows"
        assert versions(database, "a") == ["a1"]
        status = invoke("migrate.status", cwd=tmp_path)
        assert (status.code, "stopped: the next apply goes on there" in status.out) == (0, True), status.err
    assert seen == sorted(set(seen)), seen
    last = invoke("migrate.apply", cwd=tmp_path)
    assert (last.code, rows(database, DONE), versions(database, "a")) == (0, ALL, ["a3"]), last.err
    assert "was stopped in a backfill: it goes on where it was" in last.out
    started = rows(database, "SELECT note FROM aegisdb.journal WHERE action = 'backfill' AND outcome = 'started'")
    assert len([note for (note,) in started if "goes on behind id = " in str(note)]) == 10, started
    assert nothing_left(database)


def test_plain_alembic_killed_goes_on_with_either(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    assert alembic(tmp_path, database, "current").returncode == 0  # writes plain.ini
    for point in (3, 6):
        command = [str(Path(__import__("sys").executable)), "-m", "alembic", "-c", "plain.ini", "upgrade", "head"]
        plain = subprocess.Popen(command, cwd=tmp_path / "services" / "a", stderr=subprocess.DEVNULL, text=True)
        with unending(database), plain as process:
            kill_at(process, database, point * ROWS // 10)
        # its server process notices when it has nothing left to do for it
        assert eventually(lambda: not rows(database, AT_IT), 30)
    before = done_so_far(database)
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE), before >= ROWS * 6 // 10) == (0, ALL, True), done.err


def test_a_session_that_the_server_ends_goes_on(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    with unending(database), running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: walked(database) > ROWS // 4, 60)
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'aegisdb worker%' AND datname = current_database()"
        )
        assert rows(database, end)
        _, err = process.communicate(timeout=60)
    assert process.returncode not in (0, 5), err
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, ALL), done.err


def test_a_server_that_is_restarted_takes_back_rows_and_progress_together(tmp_path: Path) -> None:
    """As by a crash: its log need not have the last commits, since a backfill does not wait for them."""
    server = start_server()
    try:
        database = server.address
        begin(tmp_path, database)
        with unending(database), running(tmp_path, "migrate.apply") as process:
            kill_at(process, database, ROWS // 10)
        with running(tmp_path, "migrate.apply") as process:
            assert eventually(lambda: walked(database) > ROWS // 4, 60)
            server.halt("immediate")
            _, err = process.communicate(timeout=60)
            assert process.returncode not in (0, 5), err
        server.resume()
        assert (done_so_far(database), versions(database, "a")) == (walked(database), ["a1"])
        assert ROWS // 10 <= walked(database) < ROWS
        done = invoke("migrate.apply", cwd=tmp_path)
        assert (done.code, rows(database, DONE), versions(database, "a")) == (0, ALL, ["a3"]), done.err
    finally:
        server.stop()


def test_interrupted_says_what_is_so(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    with unending(database), running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: walked(database) > ROWS // 4, 60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "rolled back" in err, "a a2 stopped" in err) == (130, False, True), err
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, ALL), done.err


def test_two_applies_at_once_do_it_once(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    with (
        running(tmp_path, "migrate.apply") as first,
        running(tmp_path, "migrate.apply", "--lock-wait", "100") as second,
    ):
        for process in (first, second):
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    assert (rows(database, DONE), versions(database, "a")) == (ALL, ["a3"])


def test_two_of_plain_alembic_do_not_both_go_on(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    with running(tmp_path, "migrate.apply") as process:
        with unending(database):
            assert eventually(lambda: walked(database) > ROWS // 10, 60)
            refused = alembic(tmp_path, database, "upgrade", "head")
        assert (refused.returncode, "is at the backfill of a_1 as well" in refused.stderr) == (1, True), refused.stderr
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert rows(database, DONE) == ALL


@contextmanager
def writing(database: Address) -> Iterator[list[str]]:
    """Old code beside it: inserts, changes and deletes rows all the time; errors come into the list."""
    failed: list[str] = []
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(database.url(), autocommit=True) as conn:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    conn.execute("INSERT INTO a_1 (id, x) VALUES (%s, %s)", (-number, number))
                    conn.execute("UPDATE a_1 SET x = x + 1, y = CASE WHEN y IS NOT NULL THEN (x + 1) * 2 END"
                                 " WHERE id = %s", (number * 37 % ROWS,))  # fmt: skip
                except psycopg.Error as error:
                    failed.append(str(error))
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield failed
    finally:
        stop.set()
        writer.join()


def test_rows_that_a_writer_adds_behind_it_are_done_too(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    trigger = (
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.y := NEW.x * 2; RETURN NEW; END'",
        "CREATE TRIGGER keep BEFORE INSERT ON a_1 FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    with writing(database) as failed:
        with running(tmp_path, "migrate.apply") as process:
            with unending(database):
                assert eventually(lambda: walked(database) > ROWS // 2, 60)
                run(database, *trigger)  # until now rows came in behind that have no value
            _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert failed == []
    assert rows(database, "SELECT count(*) FILTER (WHERE y IS NULL), bool_and(y = x * 2) FROM a_1") == [(0, True)]
    assert rows(database, "SELECT max(times) FROM a_1") == [(1,)]


def test_a_row_that_somebody_holds_is_waited_for(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    assert invoke("migrate.apply", "--service", "a", "--to", "a1", cwd=tmp_path).code == 0
    fill(database, 2_000)
    with psycopg.connect(database.url()) as holder, running(tmp_path, "migrate.apply") as process:
        holder.execute("UPDATE a_1 SET x = x WHERE id = 1500")
        assert eventually(lambda: done_so_far(database) >= 1_000, 60), "the rows before it are done meanwhile"
        with psycopg.connect(database.url(), autocommit=True) as other:
            other.execute("SET lock_timeout = '2s'")
            for identifier in (1, 900, 1900, 2000):  # nobody waits for a batch that waits
                other.execute("UPDATE a_1 SET x = x WHERE id = %s", (identifier,))
        holder.commit()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert rows(database, DONE) == [(2_000, 2_000, 1, 1, True)]


def test_given_up_it_says_which_rows_are_held(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database, more="patience=0.5")
    assert invoke("migrate.apply", "--service", "a", "--to", "a1", cwd=tmp_path).code == 0
    fill(database, 2_000)
    with psycopg.connect(database.url()) as holder:
        holder.execute("UPDATE a_1 SET x = x WHERE id = 1500")
        failed = invoke("migrate.apply", cwd=tmp_path)
    assert (failed.code, "a_1: others hold rows up to id = " in failed.err) == (1, True), failed.err
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert rows(database, DONE) == [(2_000, 2_000, 1, 1, True)]


@pytest.mark.parametrize("repeatable", ["'rows that have a value are left alone'", "True"])
def test_a_loop_of_ones_own_says_that_it_may_be_repeated(tmp_path: Path, database: Address, repeatable: str) -> None:
    loop = 'with op.get_context().autocommit_block():\n    op.execute("UPDATE a_1 SET y = 1 WHERE y IS NULL")'
    up = f"{loop}\nraise SystemExit(3)"
    project(tmp_path, database, up)
    path = tmp_path / "services/a/alembic/versions/a2.py"
    path.write_text(path.read_text().replace("\nrevision =", f"\nrepeatable = {repeatable}\nrevision ="))
    died = invoke("migrate.apply", cwd=tmp_path)
    assert (died.code, "it is repeatable: invoke migrate.apply runs it again" in died.err) == (5, True), died.err
    path.write_text(path.read_text().replace("raise SystemExit(3)", "pass"))
    assert invoke("migrate.apply", cwd=tmp_path).code == 0


def test_what_is_below_can_be_reverted_while_it_is_stopped(tmp_path: Path, database: Address) -> None:
    begin(tmp_path, database)
    with unending(database), running(tmp_path, "migrate.apply") as process:
        kill_at(process, database, ROWS // 4)
    assert nothing_left(database)
    back = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert (back.code, versions(database, "a")) == (0, []), back.err
    done = invoke("migrate.apply", cwd=tmp_path)  # the table is new and empty
    assert (done.code, versions(database, "a")) == (0, ["a3"]), done.err
