"""A run that died while something between went on holding its session: who waits and doctor are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aegisdb.postgres import signs_of_life
from aegisdb.postgres.address import Address
from aegisdb.postgres.lock_holder import Holder, holder
from tests.invoke import invoke
from tests.poolers.conftest import nothing_held, rows
from tests.poolers.test_pgbouncer import codes, typed
from tests.relay import relay
from tests.running import eventually

_HOLD = """
import sys, time
from aegisdb.postgres import signs_of_life
from aegisdb.postgres.address import Address
from aegisdb.postgres.locks import writer_lock
signs_of_life.EVERY = 0.2
with writer_lock(Address.from_url(sys.argv[1]), wait=5, command="migrate.apply"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def killed_writer(pooler: Address) -> Iterator[None]:
    """The lock of a writer that was killed behind a relay, in front of a pooler."""
    with relay(pooler.port, deaf=True) as port:
        argv = [sys.executable, "-c", _HOLD, replace(pooler, port=port).url()]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"held\n"
            alive = [holder(pooler) for _ in range(5)]
            assert all(one is not None and not one.lost for one in alive)
            writer.kill()
        yield


def test_a_lock_that_a_dead_run_left_in_a_pool_is_told_to_who_waits_and_by_doctor(
    shop: Path, database: Address, keeping: Address
) -> None:
    pooler = keeping.with_database(database.database)

    def found() -> Holder | None:
        return holder(database)

    with killed_writer(pooler):
        assert eventually(lambda: (one := found()) is not None and one.lost, 3 * signs_of_life.SILENCE)
        left = found()
        assert left is not None
        ran = invoke("deploy.apply", "--lock-wait", "0", "--format", "json", cwd=shop)
        assert codes(ran) == (4, ["locked"]), ran.err
        assert "has given no sign of life for" in ran.last
        assert left.end in ran.last
        told = {
            one["check"]: one for one in typed(shop, pooler, "doctor", "--format", "json").json["result"]["findings"]
        }
        assert told["lock"]["exit_code"] == 6
        assert "no sign of life" in told["lock"]["what"]
        assert left.end in told["lock"]["command"]
        rows(database, left.end)
        assert invoke("deploy.apply", cwd=shop).code == 0
    assert nothing_held(database)


@pytest.mark.parametrize(("silent", "told"), [(None, ""), (0, ""), (19, ""), (20, "no sign of life for 20 s")])
def test_only_a_long_silence_counts(silent: int | None, told: str) -> None:
    one = Holder(7, "aegisdb: migrate.apply ann@laptop", "local", None, silent)
    assert one.lost == bool(told)
    assert str(one).endswith(told or "(server pid 7)")
