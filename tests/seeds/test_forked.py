"""Programs of seeds that run in a fork of the warm process: nobody can tell the difference from a start of Python."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from aegisdb.postgres.address import Address
from aegisdb.runtime.forkserver import ForkedProgram, Program, WarmProcess
from aegisdb.seeds.child_process import script_here
from aegisdb.seeds.port_holders import mark_of, strangers, who_listens
from tests.invoke import invoke
from tests.postgres_server import free_port
from tests.running import eventually
from tests.seeds.shop import make_shop, processes_left, processes_naming, query, ran, sessions, write_module
from tests.seeds.test_http import SERVE
from tests.seeds.test_modules import interrupted, spawn

FILL = Program(module="shop.fill")


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmProcess]:
    """A warm process of the tests' own."""
    process = WarmProcess(())
    yield process
    process.close()


def write(root: Path, body: str) -> dict[str, str]:
    (root / "shop").mkdir(exist_ok=True)
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "fill.py").write_text(dedent(body))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}


def fork(warm: WarmProcess, root: Path, body: str) -> tuple[int, str]:
    """Its code and what it printed."""
    env = write(root, body)
    with tempfile.TemporaryFile() as log:
        child = warm.run(FILL, root, env, log.fileno())
        code = child.wait(120)
        log.seek(0)
        return code, log.read().decode()


def plain(root: Path, body: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "shop.fill"]
    env = write(root, body)
    done = subprocess.run(argv, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    "body",
    [
        "import os, sys; print(__name__, sys.argv, os.getcwd(), sys.path[0], sorted(os.environ))",
        "import sys; print('out'); print('err', file=sys.stderr); print('out')",
        "import __main__; x = 1; print(__main__.x, __main__.__spec__.name)",
        "raise SystemExit",
        "raise SystemExit(7)",
        "raise SystemExit('no tags')",
        "import atexit; atexit.register(print, 'last words')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os; os.write(1, b'raw'); os._exit(5)",
        "import asyncio; asyncio.run(asyncio.sleep(0)); print('done')",
        "import sys; print(sys.stdout.isatty(), sys.stdin.isatty())",
    ],
)
def test_it_is_what_python_m_is(tmp_path: Path, warm: WarmProcess, body: str) -> None:
    assert fork(warm, tmp_path, body) == plain(tmp_path, body)


def script(root: Path, body: str, first: str = f"#!{sys.executable}") -> Path:
    """A program of this environment, as pip writes them."""
    (root / "bin").mkdir(exist_ok=True)
    made = root / "bin" / "serves"
    made.write_text(f"{first}\n{dedent(body)}")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize(
    "body",
    [
        "import os, sys; print(__name__, __file__, sys.argv, os.getcwd(), sorted(os.environ))",
        "import shop.fill, sys; print(shop.fill.__file__, file=sys.stderr)",
        "raise SystemExit(7)",
        """
        import multiprocessing
        if __name__ == '__main__':
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                print(pool.map(abs, [-3]))
        """,
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_a_script_is_what_its_interpreter_makes_of_it(tmp_path: Path, warm: WarmProcess, body: str) -> None:
    env, made = write(tmp_path, ""), script(tmp_path, body)
    argv = [str(made), "--port", "1"]
    plain = subprocess.run(argv, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    with tempfile.TemporaryFile() as log:
        program = Program(script=argv[0], arguments=tuple(argv[1:]))
        code = warm.run(program, tmp_path, env, log.fileno()).wait(120)
        log.seek(0)
        assert (code, log.read()) == (plain.returncode, plain.stdout)


@pytest.mark.parametrize(
    ("first", "ours"),
    [
        (f"#!{sys.executable}", True),
        (f"#!{Path(sys.executable).parent}/python", True),
        (f"#!{sys.executable} -s", False),
        ("#!/usr/bin/env python3", False),
        ("#!/elsewhere/bin/python", False),
        (f"#!{Path(sys.executable).parent}/pypy", False),
        (sys.executable, False),
    ],
)
def test_only_scripts_of_this_environment_are_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, *, ours: bool
) -> None:
    made = script(tmp_path, "", first)
    monkeypatch.setenv("PATH", str(made.parent), prepend=os.pathsep)
    expected = Program(script=str(made), arguments=("--port", "1")) if ours else None
    assert script_here(["serves", "--port", "1"], tmp_path) == expected
    assert script_here(["./serves"], made.parent) is None
    assert script_here(["nowhere"], tmp_path) is None


def test_others_see_that_a_forked_server_is_of_a_seed(tmp_path: Path, warm: WarmProcess) -> None:
    port = free_port()
    body = "import http.server, sys\nprint('ready', flush=True)\nhttp.server.test(port=int(sys.argv[1]))"
    program = Program(script=str(script(tmp_path, body)), arguments=(str(port),), mark=mark_of(["serves", str(port)]))
    with tempfile.TemporaryFile() as log:
        child = warm.run(program, tmp_path, write(tmp_path, ""), log.fileno())
        assert eventually(lambda: who_listens(child.pid, port) == "family")
        (holder,) = strangers(port)
        assert (holder.is_seed_server, holder.command) == (True, f"serves {port}")
        assert child.poll() is None
        child.stop()
        assert child.poll() == -signal.SIGTERM
    assert who_listens(child.pid, port) == "nobody"


def test_an_exception_ends_as_it_does_there(tmp_path: Path, warm: WarmProcess) -> None:
    body = "def broken():\n    raise ValueError('no tags')\nbroken()"
    (code, text), (their_code, theirs) = fork(warm, tmp_path, body), plain(tmp_path, body)
    assert (code, text.splitlines()[-1]) == (their_code, theirs.splitlines()[-1]) == (1, "ValueError: no tags")
    assert re.search(r'fill.py", line 3, in <module>', text)
    env = write(tmp_path, body)
    with tempfile.TemporaryFile() as log:
        assert warm.run(Program(module="shop.nowhere"), tmp_path, env, log.fileno()).wait(120) == 1
        log.seek(0)
        assert b"No module named" in log.read().splitlines()[-1]


def test_stopping_it_lets_it_clean_up_and_ends_what_it_started(tmp_path: Path, warm: WarmProcess) -> None:
    token = f"forked-{tmp_path.name}-{os.getpid()}"
    tidy = "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
    ready = "print('ready')\ntime.sleep(600)\n"
    with tempfile.NamedTemporaryFile() as log:
        child = started(warm, tmp_path, tidy + spawn(token) + ready, Path(log.name), log.fileno())
        assert processes_naming(token)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.1)
        child.stop(grace=60)
        assert child.wait() == 3  # by itself: who is killed has no code
        assert processes_left(token) == []


@pytest.mark.child
def test_one_that_does_not_listen_is_killed(tmp_path: Path, warm: WarmProcess) -> None:
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(600)\n"
    with tempfile.NamedTemporaryFile() as log:
        child = started(warm, tmp_path, deaf, Path(log.name), log.fileno())
        child.stop(grace=0.2)
        assert child.wait(60) == -signal.SIGKILL


def started(warm: WarmProcess, root: Path, body: str, log: Path, descriptor: int) -> ForkedProgram:
    child = warm.run(FILL, root, write(root, body), descriptor)
    assert eventually(lambda: "ready" in log.read_text())
    return child


TWO = "- {module: shop.first, fills: [items]}\n- {module: shop.fill, fills: [items]}\n"
GOOD = "conn.execute(\"INSERT INTO items VALUES (1, 'a') ON CONFLICT DO NOTHING\")\nconn.commit()\n"


def test_several_modules_share_one_start_of_python(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, TWO)
    seen = tmp_path / "seen"
    note = f"import sys\nwith open({str(seen)!r}, 'a') as f: f.write(f'{{\"alembic\" in sys.modules}} ')\n"
    for name in ("first", "fill"):
        write_module(tmp_path, name, note + GOOD)
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert seen.read_text() == "True True "
    assert {name for _, name in ran(database)} == {"module shop.first", "module shop.fill"}
    assert sessions(database) == []


def test_a_server_of_this_environment_is_forked_for_each_run(tmp_path: Path, database: Address) -> None:
    port, seen = free_port(), tmp_path / "seen"
    note = f"import os, sys\nwith open({str(seen)!r}, 'a') as f: f.write(f'{{\"alembic\" in sys.modules}} ')\n"
    made = script(tmp_path, note + SERVE)
    served = f"  serve: serves {port}\n  ready: http://localhost:{port}/health\n"
    make_shop(tmp_path, database, TWO + f"- http: POST http://localhost:{port}/seed\n  fills: [items]\n{served}")
    for name in ("first", "fill"):
        write_module(tmp_path, name, GOOD)
    path = os.pathsep.join([str(made.parent), os.environ["PATH"]])
    done = invoke("seed.prove", cwd=tmp_path, env={"PATH": path})
    assert done.code == 0, done.err
    assert seen.read_text() == "True True "
    assert sessions(database) == []


def test_a_fork_that_fails_says_why(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, TWO)
    write_module(tmp_path, "first", GOOD)
    write_module(tmp_path, "fill", "raise SystemExit('no tags')\n")
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 1
    assert "module shop.fill of shop exited with 1: no tags" in done.last
    assert query(database, "SELECT count(*) FROM items") == [(1,)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_fork_ends_with_the_tool(tmp_path: Path, database: Address, number: signal.Signals, code: int) -> None:
    token = f"seed-{tmp_path.name}-{os.getpid()}"
    (tmp_path / "shop" / "shop").mkdir(parents=True)
    write_module(tmp_path, "first", GOOD)
    body = "conn.execute(\"INSERT INTO items VALUES (2, 'b')\")\n"
    tool = interrupted(tmp_path, database, body + spawn(token), number, seeds=TWO)
    assert tool.code == code
    assert sessions(database) == []
    assert query(database, "SELECT count(*) FROM items") == [(1,)]
    if number != signal.SIGKILL:
        assert processes_left(token) == []
