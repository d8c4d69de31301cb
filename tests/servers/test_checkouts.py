"""One embedded server for all worktrees of a repository, a database for each, and no meeting of two."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.registry.types import Database, Registry, RegistryFile
from aegisdb.servers.checkouts import Place, place_of
from aegisdb.target_kinds.embedded import EmbeddedTarget
from tests.invoke import command, environment, invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.postgres_server import free_port
from tests.running import eventually


def worktree(root: Path, name: str) -> Path:
    git(root, "worktree", "add", "-q", "--detach", str(root.parent / name))
    return root.parent / name


def place(root: Path, per: str = "repository", name: str = "db") -> Place:
    database = Database(name=name, user="u")
    file = RegistryFile(version=1, project="p", targets={"t": EmbeddedTarget(server="embedded")}, database=database)
    return place_of(Registry(path=root / "services.yaml", file=file), "t", per)  # type: ignore[arg-type]


@pytest.fixture
def main(tmp_path: Path) -> Path:
    root = tmp_path / "main"
    (root / "sub").mkdir(parents=True)
    (root / "sub/x").touch()
    commit(root)
    return root


def test_worktrees_share_the_main_ones_place_and_have_names_of_their_own(main: Path, tmp_path: Path) -> None:
    here = place(main)
    assert (here.home, here.database, here.shared) == (main / ".aegisdb/servers/t", "db", True)
    b, odd = place(worktree(main, "b")), place(worktree(main, "A b-ä"))
    assert (b.home, b.root, b.database, b.shared) == (here.home, main, "db__wt_b", True)
    assert odd.home == here.home
    assert odd.database.startswith("db__wt_a_b_")
    long = place(tmp_path / "b", name="n" * 63).database
    assert place(main, name="n" * 63).is_others(long)
    assert len(long.encode()) <= 39
    assert place(main / "sub").home == main / "sub/.aegisdb/servers/t"
    assert place(tmp_path / "b/sub").home == main / "sub/.aegisdb/servers/t"


def test_whoever_chooses_has_his_own_or_one_for_all(
    main: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = worktree(main, "b")
    assert place(b, "worktree") == replace(place(main, "worktree"), home=b / ".aegisdb/servers/t", root=b)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    ours, theirs = place(main, "user"), place(tmp_path, "user")
    assert ours.home == theirs.home == tmp_path / "share/aegisdb/p/servers/t"
    assert ours.database.startswith("db__wt_main_")
    assert ours.database != theirs.database
    assert not place(tmp_path).shared  # no git


def test_a_worktree_with_a_server_of_its_own_keeps_it(main: Path) -> None:
    b = worktree(main, "b")
    (b / ".aegisdb/servers/t/18").mkdir(parents=True)
    assert place(b).database == "db__wt_b"
    (b / ".aegisdb/servers/t/18/PG_VERSION").touch()
    assert (place(b).home, place(b).database, place(b).shared) == (b / ".aegisdb/servers/t", "db", False)


def test_a_copy_of_a_worktree_a_moved_one_and_a_strange_pointer(main: Path, tmp_path: Path) -> None:
    b = worktree(main, "b")
    shutil.copytree(b, tmp_path / "copy")
    assert place(tmp_path / "copy").home == tmp_path / "copy/.aegisdb/servers/t"
    git(main, "worktree", "move", str(b), str(tmp_path / "c"))
    assert place(tmp_path / "c").database == "db__wt_b"
    for text in ("gitdir: /nowhere/worktrees/b", "nothing", "\0"):
        (tmp_path / "copy/.git").write_text(text)
        assert place(tmp_path / "copy").database == "db"


def test_databases_are_of_one_checkout_each(main: Path) -> None:
    here, b = place(main), place(worktree(main, "b"))
    names = ["db", "db__snap_x", "db__wt_b", "db__wt_b__snap_x", "db__wt_b2", "other", "p__tpl_seeds_1", "postgres"]
    assert [name for name in names if here.is_others(name)] == ["db__wt_b", "db__wt_b__snap_x", "db__wt_b2"]
    assert [name for name in names if b.is_others(name)] == ["db", "db__snap_x", "db__wt_b2"]


def test_a_removed_worktree_is_gone_and_a_moved_one_is_not(main: Path, tmp_path: Path) -> None:
    b, here = worktree(main, "b"), place(main)
    (main / ".aegisdb/servers/t").mkdir(parents=True)
    for root in (main, b):
        place(root).record(root)
    assert (dict(here.alive()), dict(here.orphans())) == ({"db__wt_b": str(b)}, {})
    git(main, "worktree", "move", str(b), str(tmp_path / "c"))
    assert here.alive()
    shutil.rmtree(tmp_path / "c")
    assert (dict(here.alive()), dict(here.orphans())) == ({}, {"db__wt_b": str(b)})
    here.forget("db__wt_b")
    assert not here.orphans()


ITEM = Rev(id="s1", up=table("s_t", "n int DEFAULT 1"), down='op.execute("DROP TABLE s_t")')


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A repository with a running server, and a linked worktree."""
    root = tmp_path_factory.mktemp("r") / "a"
    build_monorepo(root, {"s": Svc(revisions=(ITEM,))}, database={"name": "shop"})
    text = (root / "services.yaml").read_text().replace('"port": 5432', f'"port": {free_port()}')
    (root / "services.yaml").write_text(text)
    commit(root)
    yield root, worktree(root, "b")
    subprocess.run(command("db.down"), cwd=root, env=environment(), capture_output=True, check=False)


def url(root: Path) -> str:
    return str(invoke("db.url", "--format", "json", cwd=root).json["result"]["url"])


def rows(root: Path) -> int:
    with psycopg.connect(url(root)) as conn:
        row = conn.execute("SELECT count(*) FROM s_t").fetchone()
    return row[0] if row else -1


def test_two_worktrees_work_at_once_and_never_meet(two: tuple[Path, Path]) -> None:
    for root, more in zip(two, ("x1", "y1"), strict=True):
        assert invoke("db.prepare", cwd=root, timeout=300).code == 0
        revision = Rev(id=more, up=table(f"s_{more}"), down=f'op.execute("DROP TABLE s_{more}")')
        write_revision(root / "services/s", revision, "s1")
    for words in (
        ["migrate.apply"],
        ["db.reset"],
        ["migrate.roundtrip"],
        ["db.snapshot", "--name", "one"],
        ["db.reset"],
    ):
        running = [
            subprocess.Popen(
                command(*words), cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for root in two
        ]
        for process in running:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said.decode()
    with psycopg.connect(url(two[0])) as a, psycopg.connect(url(two[1])) as b:
        assert (a.info.dbname, b.info.dbname) == ("shop", "shop__wt_b")
        for conn, there, other in ((a, "s_x1", "s_y1"), (b, "s_y1", "s_x1")):
            assert conn.execute("SELECT to_regclass(%s), to_regclass(%s)", (there, other)).fetchone() == (there, None)
    listed = [invoke("db.cache", "--format", "json", cwd=root).json["result"]["databases"] for root in two]
    templates, spares = (
        [{d["name"] for d in found if d["kind"] == kind} for found in listed] for kind in ("template", "spare")
    )
    assert templates[0] == templates[1]
    assert not spares[0] & spares[1]


def test_what_one_worktree_may_not_do_to_the_others(two: tuple[Path, Path]) -> None:
    assert invoke("db.prepare", cwd=two[1], timeout=300).code == 0
    assert invoke("db.prepare", cwd=two[0], timeout=300).code == 0
    ran = invoke("db.reset", cwd=two[0], env={"DATABASE_URL": url(two[1])})
    assert (ran.code, "error[shared]" in ran.err) == (3, True)
    ran = invoke("db.down", "--volumes", "--yes", cwd=two[1])
    assert (ran.code, "shop" in ran.last, "db.cache --drop" in ran.last) == (3, True, True)
    with psycopg.connect(url(two[0])):
        ran = invoke("db.down", cwd=two[1])
        assert (ran.code, "another checkout works with this server" in ran.last) == (4, True)
    assert invoke("db.down", cwd=two[1]).code == 0
    ran = invoke("db.down", "--volumes", "--yes", cwd=two[1])
    assert (ran.code, "shop" in ran.last) == (3, True)


def test_what_a_removed_worktree_leaves_is_told_and_dropped(two: tuple[Path, Path]) -> None:
    c = worktree(two[0], "c")
    assert invoke("db.prepare", cwd=two[0], timeout=300).code == 0
    assert invoke("db.prepare", cwd=c, timeout=300).code == 0
    assert invoke("db.snapshot", "--name", "s", cwd=c, timeout=300).code == 0
    assert invoke("db.reset", cwd=c, timeout=300).code == 0
    kept = invoke("db.clone", "--format", "json", cwd=c, timeout=300).json["result"]["url"].rpartition("/")[2]

    def spares() -> set[str]:
        listed = invoke("db.cache", "--format", "json", cwd=c).json["result"]["databases"]
        return {one["name"] for one in listed if one["kind"] == "spare"}

    def copying() -> int:
        with psycopg.connect(url(two[0])) as conn:
            found = conn.execute("SELECT FROM pg_stat_activity WHERE application_name = 'aegisdb: spare copy'")
            return len(found.fetchall())

    # what is being copied cannot be dropped
    assert eventually(lambda: len(spares()) == 2 and not copying())
    made = spares()
    git(two[0], "worktree", "remove", "--force", str(c))
    told = invoke("doctor", cwd=two[1])
    assert "database shop__wt_c is that of a checkout that is gone" in told.out
    dropped = invoke("db.cache", "--drop", "--format", "json", cwd=two[1]).json["result"]["databases"]
    assert {d["name"] for d in dropped if d["kind"] == "checkout"} >= {
        "shop__wt_c",
        "shop__wt_c__snap_s",
        *made,
        kept,
    }
    with psycopg.connect(url(two[0])) as conn:
        left = {name for (name,) in conn.execute("SELECT datname FROM pg_database").fetchall()}
    assert not left & {*made, kept}
    assert "shop__wt_c" not in invoke("db.cache", cwd=two[0]).out
    assert rows(two[0]) == 0
