"""Which target is chosen: --target, AEGIS_TARGET, DATABASE_URL, default_target."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.building.proof_target import proving
from aegisdb.errors import BadInput, Refused, UsageError
from aegisdb.target_kinds.url import UrlTarget
from aegisdb.workspace import open_workspace
from tests.registry.registries import edited, read, write

TWO = edited("  local:", "  other: {server: embedded}\n  local:") + "default_target: local\n"
URL = "postgresql://u:p@127.0.0.1:1/d"


@pytest.mark.parametrize(
    ("asked", "environ", "chosen"),
    [
        ("", {}, "local"),
        ("", {"DATABASE_URL": URL}, "env"),
        ("", {"DATABASE_URL": ""}, "local"),
        ("", {"DATABASE_URL": URL, "AEGIS_TARGET": "other"}, "other"),
        ("local", {"DATABASE_URL": URL, "AEGIS_TARGET": "other"}, "local"),
        ("env", {"DATABASE_URL": URL, "AEGIS_TARGET": "other"}, "env"),
    ],
)
def test_precedence(tmp_path: Path, asked: str, environ: dict[str, str], chosen: str) -> None:
    write(tmp_path, TWO)
    assert open_workspace(target=asked, cwd=tmp_path, environ=environ).target == chosen


def test_the_first_target_is_the_default_where_none_is_named(tmp_path: Path) -> None:
    assert read(tmp_path, TWO.replace("default_target: local\n", "")).default_target == "other"


def test_the_registry_says_what_decided(tmp_path: Path) -> None:
    assert read(tmp_path, TWO).default_source == "default_target"
    assert read(tmp_path, TWO, {"DATABASE_URL": URL}).default_source == "DATABASE_URL"
    assert read(tmp_path, TWO, {"AEGIS_TARGET": "other"}).default_source == "AEGIS_TARGET"


def test_database_url_may_stand_in_dotenv(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    (tmp_path / ".env").write_text(f"DATABASE_URL={URL}\n")
    workspace = open_workspace(cwd=tmp_path, environ={})
    assert workspace.registry.target("env") == UrlTarget(url=URL)
    assert workspace.address().password.reveal() == "p"


def test_database_url_of_a_target_keeps_what_the_file_says_of_it(tmp_path: Path) -> None:
    live = "url: '${DATABASE_URL}', gate: [lint, drift], proof: live, deployed: origin/live"
    text = edited("  local:", f"  live: {{{live}}}\n  local:")
    env = read(tmp_path, text, {"DATABASE_URL": URL}).target("env")
    assert (env.protected, env.gate, env.proof, env.deployed) == (False, ("lint", "drift"), "env", "origin/live")
    env = read(tmp_path, text, {"DATABASE_URL": URL, "AEGIS_PROOF": "local", "AEGIS_DEPLOYED": "v1"}).target("env")
    assert (env.proof, env.deployed) == ("local", "v1")
    other = read(tmp_path, text.replace("${DATABASE_URL}", URL), {"DATABASE_URL": URL + "2"}).target("env")
    assert (other.gate, other.proof) == (None, "")


def test_a_protected_database_is_protected_by_its_url_too(tmp_path: Path) -> None:
    write(tmp_path, edited("  local:", "  live: {url: '${DATABASE_URL}', protected: true}\n  local:"))
    for proof in ("env", "live"):
        workspace = open_workspace(cwd=tmp_path, environ={"DATABASE_URL": URL, "AEGIS_PROOF": proof})
        assert workspace.registry.target(workspace.target).protected
        with pytest.raises(Refused, match=f"target {proof} is protected"):
            proving(workspace)


@pytest.mark.parametrize(
    ("live", "other"),
    [
        ("postgresql://u:p@db.example:5432/app", "postgres://reader:q@DB.example./app"),
        ("postgresql+asyncpg://u:p@db.example/app", "postgresql://u:p@db.example/app?sslmode=require"),
        ("postgresql://u:p@db.example/app", "postgresql://u:p@ignored/ignored?host=db.example&dbname=app"),
        ("postgresql://u:p@first:5432,second:5433/app", "postgresql://u:p@second:5433/app"),
        ("postgresql://u:p@db.example/app", "postgresql://u:p@alias/app?hostaddr=db.example"),
        ("postgresql://u:p@localhost/a%70p", "postgresql://u:p@127.0.0.1/app"),
        ("postgresql://u:p@[::1]/app", "postgresql://u:p@/app?host=/run/postgresql"),
        ("postgresql://u:p@localhost/app", "postgresql://u:p@[::ffff:127.0.0.1]/app"),
        ("postgresql://u:p@localhost/app", "postgresql://u:p@127.1/app"),
        ("postgresql://u:p@localhost/app", "postgresql://u:p@0.0.0.0/app"),
        ("postgresql://u:p@localhost/app", "postgresql://u:p@[0:0:0:0:0:0:0:1]/app"),
        ("postgresql://u:p@localhost/app", "postgresql://u:p@/app?host=@abstract"),
        ("postgresql://u:p@10.0.0.5/app", "postgresql://u:p@[::ffff:10.0.0.5]/app"),
        ("postgresql://u:p@10.0.0.5/app", "postgresql://u:p@alias/app?hostaddr=10.5"),
        ("postgresql://u:p@[2001:db8::1]/app", "postgresql://u:p@[2001:0DB8:0:0::1]/app"),
    ],
)
def test_protection_is_of_the_database_however_it_is_spelt(tmp_path: Path, live: str, other: str) -> None:
    write(
        tmp_path, edited("  local:", f"  live: {{url: '{live}', protected: true}}\n  dev: {{url: '{other}'}}\n  local:")
    )
    registry = open_workspace(cwd=tmp_path, environ={"DATABASE_URL": other}).registry
    assert [name for name in registry.file.targets if registry.target(name).protected] == ["live", "dev", "env"]


@pytest.mark.parametrize("other", ["db.example/app2", "db.example:5433/app", "db2.example/app"])
def test_another_database_is_not_protected(tmp_path: Path, other: str) -> None:
    live = "live: {url: 'postgresql://u:p@db.example/app', protected: true}"
    write(tmp_path, edited("  local:", f"  {live}\n  local:"))
    registry = open_workspace(cwd=tmp_path, environ={"DATABASE_URL": f"postgresql://u:p@{other}"}).registry
    assert not registry.target("env").protected


def test_another_login_of_a_target_s_database_keeps_what_the_file_says_of_that(tmp_path: Path) -> None:
    url, direct = "postgresql://owner:p@pool:6432/app", "postgresql://owner:p@db.example/app"
    live = f"url: '{url}', direct_url: '{direct}', gate: [drift], proof: live, deployed: v1"
    text = edited("  local:", f"  live: {{{live}}}\n  local:")
    for given, past in (
        (url, direct),
        ("postgresql://app:q@pool:6432/app", ""),
        ("postgresql://app:q@db.example/app", ""),
    ):
        env = read(tmp_path, text, {"DATABASE_URL": given}).target("env")
        assert env == UrlTarget(url=given, direct_url=past, gate=("drift",), proof="env", deployed=env.deployed)
        assert env.deployed is not None


@pytest.mark.parametrize("environ", [{}, {"AEGIS_TARGET": "locl"}])
def test_an_unknown_target_is_told_with_the_known_ones(tmp_path: Path, environ: dict[str, str]) -> None:
    write(tmp_path, TWO)
    with pytest.raises(UsageError, match="no target is called 'locl'") as caught:
        open_workspace(target="" if environ else "locl", cwd=tmp_path, environ=environ)
    assert caught.value.hint == "did you mean local? targets: other, local"


@pytest.mark.parametrize("url", ["mysql://u:C4nary@h/d", "postgresql://u:C4nary@x@h/d", "C4nary", "postgresql://h"])
def test_a_database_url_that_is_none(tmp_path: Path, url: str) -> None:
    write(tmp_path, TWO)
    with pytest.raises(BadInput, match="DATABASE_URL") as caught:
        open_workspace(cwd=tmp_path, environ={"DATABASE_URL": url})
    assert "C4nary" not in f"{caught.value} {caught.value.hint}"


def test_an_unused_database_url_is_not_judged(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    assert open_workspace(target="local", cwd=tmp_path, environ={"DATABASE_URL": "nonsense"}).target == "local"


def test_an_unknown_service_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no service is called 'shp'") as caught:
        read(tmp_path).service("shp")
    assert caught.value.hint == "did you mean shop? services: shop"


def test_the_registry_is_found_from_below(tmp_path: Path) -> None:
    write(tmp_path)
    below = tmp_path / "shop" / "deep"
    below.mkdir()
    assert open_workspace(cwd=below, environ={}).registry.path == tmp_path.resolve() / "services.yaml"


@pytest.mark.parametrize("named", ["shop/../services.yaml", ".", "services.yaml"])
def test_aegis_registry_names_it(tmp_path: Path, named: str) -> None:
    write(tmp_path)
    assert open_workspace(cwd=tmp_path, environ={"AEGIS_REGISTRY": named}).registry.root == tmp_path.resolve()


def test_a_missing_registry_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no services\.yaml in") as caught:
        open_workspace(cwd=tmp_path, environ={})
    assert "AEGIS_REGISTRY" in caught.value.hint
    with pytest.raises(BadInput, match="AEGIS_REGISTRY names a file that does not exist"):
        open_workspace(cwd=tmp_path, environ={"AEGIS_REGISTRY": "nowhere.yaml"})


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(Refused, match="no terminal"):
        open_workspace(cwd=tmp_path, environ={}).ask("sure?")
