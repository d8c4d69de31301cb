"""Points at which a rollout dies: whom of it, and at what moment of a revision whose data migration commits on its own.

The moment is read from the server: each statement of the revision has it as a comment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aegisdb.postgres import databases
from tests.fleets.tenants import NAMES, Tenants
from tests.monorepo import Rev, Svc, table
from tests.running import children, eventually

IN_BLOCK, AFTER_BLOCK, ALTERED = "in the block", "after the block", "altered"
LOOKING, SECOND_STAGE = "looking", "second stage"
_UP = """\
with op.get_context().autocommit_block():
    op.execute("INSERT INTO shop_runs SELECT 'a2' FROM pg_sleep(0.3) /* in the block */")
op.execute("SELECT pg_sleep(0.3) /* after the block */")
op.execute("ALTER TABLE shop_items ADD price int")
op.execute("SELECT pg_sleep(0.3) /* altered */")"""
SHOP = Svc(
    revisions=(
        Rev(
            id="a1",
            up=table("shop_items") + '\nop.execute("CREATE TABLE shop_runs (revision text)")',
            down='op.execute("DROP TABLE shop_items, shop_runs")',
        ),
        Rev(id="a2", up=_UP, down='op.execute("ALTER TABLE shop_items DROP price")'),
    ),
    more={"one_way": True},
)
PER_SERVER = 3
STAGES = [
    {"name": "eu", "match": {"region": "eu"}, "parallel": 3, "per_server": PER_SERVER},
    {"name": "rest", "parallel": 3, "per_server": PER_SERVER},
]


@dataclass(frozen=True)
class Death:
    """One point."""

    victim: str
    moment: str

    def __str__(self) -> str:
        """The name of its test."""
        return f"{self.victim}, {self.moment}"


DEATHS = (
    *(Death("coordinator", moment) for moment in (LOOKING, IN_BLOCK, AFTER_BLOCK, ALTERED, SECOND_STAGE)),
    *(Death("worker", moment) for moment in (IN_BLOCK, AFTER_BLOCK, ALTERED)),
    *(Death("warm process", moment) for moment in (IN_BLOCK, SECOND_STAGE)),
    *(Death("all of them", moment) for moment in (IN_BLOCK, AFTER_BLOCK, ALTERED)),
    *(Death("session of a worker", moment) for moment in (IN_BLOCK, AFTER_BLOCK)),
    Death("session of a lock", AFTER_BLOCK),
    *(Death("server", moment) for moment in (IN_BLOCK, ALTERED)),
    Death("coordinator, stopped", IN_BLOCK),
    Death("worker, stopped", AFTER_BLOCK),
)


class Mortal(Protocol):
    """A server that can be killed, and started again."""

    def halt(self, how: str) -> None:
        """End it; "kill" is as the kernel does it."""

    def resume(self) -> None:
        """Start it again where it was."""


def reached(fleet: Tenants, moment: str) -> bool:
    """Whether some member is at this moment now."""
    if moment == LOOKING:
        return bool(sessions(fleet))
    if moment == SECOND_STAGE:
        return any(f"{fleet.prefix}_{name}" in sessions(fleet, IN_BLOCK) for name in NAMES[3:])
    return bool(sessions(fleet, moment))


def strike(fleet: Tenants, server: Mortal, death: Death, coordinator: int) -> Callable[[], None]:
    """Do it, and return what wakes who was only stopped."""
    match death.victim:
        case "server":
            server.halt("kill")
            server.resume()
        case "session of a worker":
            _end(fleet, _AT, f"/* {death.moment} */")
        case "session of a lock":
            _end(fleet, _HOLDS, "")
        case "coordinator, stopped" | "worker, stopped":
            return _stopped(death.victim.partition(",")[0], coordinator)
        case _:
            for pid in _pids(death.victim, coordinator):
                with suppress(ProcessLookupError):  # those below one that was killed may be faster
                    os.kill(pid, signal.SIGKILL)
    return lambda: None


def _pids(victim: str, coordinator: int) -> list[int]:
    if victim == "coordinator":
        return [coordinator]
    warm = next(pid for pid in children(coordinator) if _parent(pid) == coordinator and "--fork" in _argv(pid))
    workers = sorted(children(warm))
    return {"warm process": [warm], "worker": workers[:1], "all of them": [coordinator, warm, *workers]}[victim]


_AT = """
SELECT pid, datname FROM pg_stat_activity
WHERE starts_with(datname, %s) AND strpos(query, %s) > 0 AND state = 'active' AND pid <> pg_backend_pid()
"""
_HOLDS = """
SELECT pid, datname FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE starts_with(datname, %s) AND locktype = 'advisory' AND granted AND %s = ''
"""
_NAMED = """
SELECT datname || ' ' || application_name FROM pg_stat_activity
WHERE starts_with(datname, %s) AND application_name <> '' ORDER BY 1
"""
_ANY = "SELECT pid, datname FROM pg_stat_activity WHERE starts_with(datname, %s) AND %s = ''"


def _asked(fleet: Tenants, sql: str, text: str) -> list[tuple[int, str]]:
    with databases.maintenance(fleet.maintenance, application="the test looks") as conn:
        found = conn.rows(sql, (fleet.prefix, text))
    return [(int(pid), str(name)) for pid, name in found if name != f"{fleet.prefix}_template"]


def sessions(fleet: Tenants, moment: str = "") -> list[str]:
    """The databases of sessions of anybody on members, once for each; of those that are at this moment."""
    found = _asked(fleet, _AT, f"/* {moment} */") if moment else _asked(fleet, _ANY, "")
    return [name for _, name in found]


def named_sessions(fleet: Tenants) -> list[str]:
    """Database and application name of each session of anybody but this test on members."""
    with databases.maintenance(fleet.maintenance, application="the test looks") as conn:
        found = conn.rows(_NAMED, (fleet.prefix,))
    return [str(name) for (name,) in found if not str(name).startswith(f"{fleet.prefix}_template")]


def _end(fleet: Tenants, which: str, text: str) -> None:
    """End one such session; who was there a moment ago may have gone on, and then it is the next one's turn."""

    def ended() -> bool:
        found = _asked(fleet, which, text)
        with databases.maintenance(fleet.maintenance, application="the test looks") as conn:
            return bool(found) and conn.value("SELECT pg_terminate_backend(%s)", (found[0][0],)) is True

    assert eventually(ended, 20)


def _stopped(victim: str, coordinator: int) -> Callable[[], None]:
    """Stop one; a worker that was listed may have ended, and then it is the next one's turn."""
    stopped: list[int] = []

    def stop() -> bool:
        for pid in _pids(victim, coordinator)[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        return bool(stopped)

    assert eventually(stop, 20)
    time.sleep(1)
    return lambda: os.kill(stopped[0], signal.SIGCONT)


def _argv(pid: int) -> list[str]:
    return _of_process(pid, "cmdline").split("\0")


def _parent(pid: int) -> int:
    fields = _of_process(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _of_process(pid: int, what: str) -> str:
    """Text of `/proc`; empty for a process that has ended since it was listed."""
    try:
        return Path(f"/proc/{pid}/{what}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def left_behind(fleet: Tenants) -> list[str]:
    """Sessions, advisory locks and databases that are no member's; empty, or what there is after a while."""
    found: list[str] = []

    def none() -> bool:
        locks = (
            "SELECT d.datname FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND starts_with(d.datname, %s)"
        )
        own = {f"{fleet.prefix}_{name}" for name in (*fleet.names, "template")}
        with databases.maintenance(fleet.maintenance, application="the test looks") as conn:
            held = [f"lock on {name}" for (name,) in conn.rows(locks, (fleet.prefix,))]
            every = conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (fleet.prefix,))
        # templates of references are kept on purpose
        others = [f"database {name}" for (name,) in every if name not in own and "__tpl_" not in name]
        found[:] = [*(f"session on {name}" for name in sessions(fleet)), *held, *others]
        return not found

    eventually(none, 20)
    return found
