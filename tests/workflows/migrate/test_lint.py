"""migrate.lint as it is typed: scope, formats, exit codes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.running import running

OLD = Rev(id="s1", message="wip", up=table("shop_items"))
BAD = Rev(id="s2", message="wip", up="op.get_bind().commit()", down="op.execute('SELECT 1')")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A service with one committed revision, which breaks rules."""
    build_monorepo(tmp_path, {"shop": Svc(revisions=(OLD,))})
    commit(tmp_path)
    return tmp_path / "services" / "shop"


def test_only_what_is_new_is_judged(tmp_path: Path, home: Path) -> None:
    clean = invoke("migrate.lint", cwd=tmp_path)
    assert (clean.code, "clean: 0 revisions" in clean.out) == (0, True)
    write_revision(home, BAD, "s1")
    dirty = invoke("migrate.lint", cwd=tmp_path)
    assert dirty.code == 6
    assert "services/shop/alembic/versions/s2.py:12 commit-in-revision" in dirty.out
    assert "s1.py" not in dirty.out
    assert "error[lint]" in dirty.last
    assert "s1.py" in invoke("migrate.lint", "--all", cwd=tmp_path).out


def test_what_a_branch_brought_is_new(tmp_path: Path, home: Path) -> None:
    git(tmp_path, "switch", "-q", "-c", "mine")
    write_revision(home, BAD, "s1")
    commit(tmp_path)
    document = invoke("migrate.lint", "--format", "json", cwd=tmp_path).json
    assert document["exit_code"] == 6
    assert {finding["rule"] for finding in document["result"]["findings"]} == {
        "commit-in-revision",
        "descriptive-message",
    }
    assert invoke("migrate.lint", "--since", "HEAD", cwd=tmp_path).code == 0


def test_without_git_every_revision_is_judged(tmp_path: Path) -> None:
    build_monorepo(tmp_path, {"shop": Svc(revisions=(OLD,))})
    ran = invoke("migrate.lint", cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert ran.code == 6
    assert "every revision: compared with nothing" in ran.out


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [(), ("--all",), ("--report", "github")])
def test_no_server_is_contacted_unless_it_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A checkout's services.yaml says where `default_target` is, and may put the caller's variables into its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        path = tmp_path / "services.yaml"
        document = json.loads(path.read_text())
        document["targets"]["local"] = {"url": f"postgresql://a:${{SECRET}}@127.0.0.1:{listener.getsockname()[1]}/b"}
        path.write_text(json.dumps(document))
        invoke("migrate.lint", *words, cwd=tmp_path, env={"SECRET": "s3cret"})
        with pytest.raises(TimeoutError):
            listener.accept()
        with running(tmp_path, "migrate.lint", *words, "--target", "local", env={"SECRET": "s3cret"}):
            listener.settimeout(60)
            listener.accept()[0].close()


def test_sarif_and_annotations(tmp_path: Path, home: Path) -> None:
    write_revision(home, BAD, "s1")
    assert invoke("migrate.lint", "--report", "sarif", "--output", "out/lint.sarif", cwd=tmp_path).code == 6
    (run,) = json.loads((tmp_path / "out" / "lint.sarif").read_text())["runs"]
    places = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert places == {"services/shop/alembic/versions/s2.py"}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["commit-in-revision", "descriptive-message"]
    out = invoke("migrate.lint", "--report", "github", cwd=tmp_path).out
    assert "::error file=services/shop/alembic/versions/s2.py,line=12,title=commit-in-revision::" in out


def test_a_new_revision_is_linted_at_once(tmp_path: Path, database: Address) -> None:
    columns = "id = sa.Column(sa.BigInteger, primary_key=True)"
    models = f'class Item(Base):\n    __tablename__ = "shop_items"\n    {columns}\n'
    build_monorepo(tmp_path, {"shop": Svc(models=models)}, url=database.url())
    ran = invoke("migrate.new", "--service", "shop", "-m", "wip", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "lint: line 1: descriptive-message: the message 'wip' does not say what the revision does" in ran.out


@pytest.mark.parametrize(
    "flags",
    [
        ("--all", "--since", "main"),
        ("--since", "nowhere"),
        ("--since=--all",),
        ("--report", "html"),
        ("--output", "x"),
        ("--service", "nobody"),
    ],
)
def test_bad_flags(tmp_path: Path, home: Path, flags: tuple[str, ...]) -> None:
    del home
    assert invoke("migrate.lint", *flags, cwd=tmp_path).code == 2
