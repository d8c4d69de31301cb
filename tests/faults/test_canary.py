"""Fault 36: a password is in no stream, log, JSON, traceback, process list or file, whatever a command meets.

A password of this test's own with a tail that nothing else on the machine has: however it is spelled, the tail stays.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.postgres_server import PASSWORD, free_port
from tests.running import contents

SHOP = Svc(
    revisions=(Rev(id="s1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),),
    more={"seeds": [{"sql": "seed.sql", "fills": ["shop_items"]}]},
)
TELL = "op.get_bind().engine.url.render_as_string(hide_password=False)"
TALKER = Svc(
    revisions=(Rev(id="t1", up=f"print({TELL})"),),
    after=("shop",),
    more={"seeds": [{"module": "talk"}]},
)
FAILING = Rev(id="t2", up=f"raise RuntimeError('no use: ' + {TELL})", parent="t1")
BROKEN = Svc(revisions=(Rev(id="b1"),), after=("talker",))
BREAK = "def online():\n    raise RuntimeError(config.get_main_option('sqlalchemy.url'))"
TALK = """
import os, sys
print(os.environ["DATABASE_URL"])
print(os.environ["DATABASE_URL"], file=sys.stderr)
raise RuntimeError("seed: " + os.environ["DATABASE_URL"])
"""
BUG = """
import aegisdb.revisions.load as reading
def read_histories(registry, *rest, **more):
    password = registry.file.database.password
    raise ZeroDivisionError(f"postgresql://aegis:{password}@h/d {password!r}")
reading.read_histories = read_histories
"""
"""A mistake of ours, put in from outside: the secret is in the message of an exception that nobody expects."""


class Watch:
    """Looks at the arguments of every process until it is stopped."""

    def __init__(self, secret: bytes) -> None:
        self.seen: set[bytes] = set()
        self.looks = 0
        self._secret = secret
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.1):
            self.looks += 1
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                self._judge(entry)

    def _judge(self, path: Path) -> None:
        try:
            text = path.read_bytes()
        except OSError:  # it has ended
            return
        if self._secret in text:
            self.seen.add(text)


class Canary:
    """A project on an embedded server of its own, with everything that it writes below one directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tail = uuid.uuid4().hex
        self.root = home / "project"
        self.temporary = home / "tmp"
        self.temporary.mkdir(parents=True)
        (home / "home").mkdir()
        self.env = {
            "AEGIS_DB_PASSWORD": PASSWORD + self.tail,
            "TMPDIR": str(self.temporary),
            "HOME": str(home / "home"),
        }

    def invoke(self, *words: str, **env: str) -> Ran:
        """Run a task; its output must not hold the password in any spelling."""
        ran = invoke(*words, cwd=self.root, env={**self.env, **env})
        assert self.tail not in ran.out + ran.err, words
        return ran

    def break_services(self) -> None:
        """From now on revisions, env.py and a seed fail with the URL in what they say."""
        services = self.root / "services"
        write_revision(services / "talker", FAILING, None)
        write_revision(services / "broken", Rev(id="b2", parent="b1"), None)
        env = services / "broken" / "alembic" / "env.py"
        env.write_text(env.read_text().replace("def online():", BREAK))

    def files(self) -> list[Path]:
        """Every file that holds the password."""
        return [path for path, content in contents(self.home) if self.tail.encode() in content]


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    made = Canary(tmp_path)
    services = {"shop": SHOP, "talker": TALKER, "broken": BROKEN}
    database = {"password": "${AEGIS_DB_PASSWORD}"}
    extra = {"targets": {"local": {"server": "embedded", "port": free_port()}}}
    build_monorepo(made.root, services, database=database, extra=extra)
    (made.root / "services" / "shop" / "seed.sql").write_text("INSERT INTO shop_items VALUES (1), (2);\n")
    (made.root / "services" / "talker" / "talk.py").write_text(TALK)
    yield made
    made.invoke("db.down")


FIRST = (("db.up", 0), ("db.reset --no-seed", 0), ("seed.run --service talker", 1), ("seed.run --service shop", 0))
THEN = (
    ("migrate.apply", 1),
    ("migrate.apply --service broken --format json", 1),
    ("migrate.verify --format json", 1),
    ("db.snapshot kept", 0),
    ("db.restore kept", 0),
    ("migrate.log --format json", 0),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_command_shows_it_and_no_file_keeps_it(canary: Canary) -> None:
    watch = Watch(canary.tail.encode())
    try:
        codes = {words: canary.invoke(*words.split()).code for words, _ in FIRST}
        canary.break_services()
        codes |= {words: canary.invoke(*words.split()).code for words, _ in THEN}
        canary.invoke("doctor")
        refused = canary.invoke("db.status", AEGIS_DB_PASSWORD=f"wrong{canary.tail}")
    finally:
        watch.stop()
    assert codes == dict(FIRST + THEN)
    assert (refused.code, refused.last.split()[0]) == (7, "error[login]")
    assert watch.looks > 10
    assert watch.seen == set()
    assert canary.files() == []


def test_the_search_can_fail(canary: Canary) -> None:
    (canary.home / "home" / "note").write_text(f"x{canary.tail}x")
    assert [path.name for path in canary.files()] == ["note"]


def test_a_bug_keeps_its_traceback_without_it(canary: Canary) -> None:
    """Exit 70: an exception that nobody expected, with the password in its message."""
    (canary.home / "sitecustomize.py").write_text(BUG)
    ran = canary.invoke("migrate.status", PYTHONPATH=str(canary.home))
    assert ran.code == 70, ran.err
    assert "Traceback" in ran.err
    assert "ZeroDivisionError" in ran.last
    assert canary.invoke("migrate.status", "--format", "json", PYTHONPATH=str(canary.home)).json["exit_code"] == 70
