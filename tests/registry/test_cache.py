"""The cache of the parsed registry: right, private, and never needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aegisdb.registry import load
from aegisdb.target_kinds.url import UrlTarget
from tests.registry.registries import SOUND, edited, faults, read, write

CACHE = Path(".aegisdb") / "cache" / "registry.json"
HEAVY = """
import sys
from pathlib import Path
from aegisdb.registry import load
load(Path(sys.argv[1]), {})
print([name for name in ("pydantic", "ruamel.yaml", "psycopg", "dotenv") if name in sys.modules])
"""


def modules_that_load_needs(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", HEAVY, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_second_load_needs_neither_pydantic_nor_ruamel(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert modules_that_load_needs(path) == "['pydantic', 'ruamel.yaml']"
    assert modules_that_load_needs(path) == "[]"


def test_a_new_worktree_reads_what_the_main_one_has_kept(tmp_path: Path) -> None:
    main = write(tmp_path / "main").parent
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all"), ("worktree", "add", "-q", "../linked")):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=main, check=True, capture_output=True)
    linked = tmp_path / "linked" / "services.yaml"
    first = load(main / "services.yaml", {})
    assert modules_that_load_needs(linked) == "[]"
    assert load(linked, {}).file == first.file
    linked.write_text(linked.read_text() + "# another\n")
    assert modules_that_load_needs(linked) == "['pydantic', 'ruamel.yaml']"


def test_both_loads_give_the_same(tmp_path: Path) -> None:
    text = edited("  local:", '  staging: {url: "${STAGING_URL}"}\n  local:')
    first = read(tmp_path, text)
    assert (tmp_path / CACHE).is_file()
    assert load(tmp_path / "services.yaml", {}) == first
    assert first.unset


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    read(tmp_path)
    assert read(tmp_path, edited("project: demo", "project: other")).file.project == "other"
    assert faults(tmp_path, edited("project: demo", "projct: demo"))
    assert read(tmp_path).file.project == "demo"


def test_files_that_vanish_are_noticed_beside_a_cached_registry(tmp_path: Path) -> None:
    path = write(tmp_path)
    load(path, {})
    (tmp_path / "shop" / "alembic.ini").unlink()
    (tmp_path / "shop").rename(tmp_path / "moved")
    path.touch()
    (tmp_path / "stock" / "alembic.ini").unlink()
    (only,) = faults_of(path)
    assert "11:11 services.shop.path: no directory shop" in only


def faults_of(path: Path) -> list[str]:
    from aegisdb.errors import RegistryError

    with pytest.raises(RegistryError) as caught:
        load(path, {})
    return [f"{fault.where} {fault.message}" for fault in caught.value.faults]


def test_values_of_variables_are_not_kept(tmp_path: Path) -> None:
    assert read(tmp_path, environ={"DEMO_PASSWORD": "C4nary"}).file.database.password == "C4nary"
    assert read(tmp_path, environ={"DEMO_PASSWORD": "other"}).file.database.password == "other"
    assert "C4nary" not in (tmp_path / CACHE).read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (edited("name: demo", "name: ${X}"), "database.name: not usable as a name"),
        (edited("[orders, ", "[orders, '${X}', "), "services.shop.owns[1]: not usable as an owned name"),
        (SOUND + "default_target: ${X}\n", "default_target: no target is called"),
    ],
)
def test_values_of_variables_are_judged_every_time(tmp_path: Path, text: str, told: str) -> None:
    read(tmp_path, text, {"X": "local"})
    assert (tmp_path / CACHE).is_file()
    (only,) = faults(tmp_path, text, {"X": "a;b"})
    assert told in only


def test_a_registry_with_faults_is_not_kept(tmp_path: Path) -> None:
    assert faults(tmp_path, edited("path: shop", "path: nowhere"))
    assert not (tmp_path / CACHE).exists()


@pytest.mark.parametrize(
    "text",
    [
        edited("${DEMO_PASSWORD:-demo}", "C4nary"),
        edited("${DEMO_PASSWORD:-demo}", "${A:-b}C4nary"),
        edited("{server: embedded}", "{url: 'postgresql://u:C4nary@h/d'}"),
        edited("{server: embedded}", "{url: 'postgresql://h/d?password=C4nary'}"),
        SOUND + "    seeds: [{http: 'POST http://u:C4nary@h/'}]\n",
        edited("{server: embedded}", "{url: 'postgresql://u:${P}C4nary@h/d'}"),
    ],
)
def test_a_file_with_a_password_in_it_is_not_kept(tmp_path: Path, text: str) -> None:
    read(tmp_path, text, {"P": "x"})
    assert not (tmp_path / CACHE).exists()


def test_a_url_whose_password_is_a_variable_is_kept(tmp_path: Path) -> None:
    text = edited("{server: embedded}", "{url: 'postgresql://u:${P}@h/d?sslmode=require'}")
    assert read(tmp_path, text, {"P": "x"}).target("local") == UrlTarget(url="postgresql://u:x@h/d?sslmode=require")
    assert (tmp_path / CACHE).is_file()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"key": 1}'])
def test_a_damaged_cache_is_read_over(tmp_path: Path, content: bytes) -> None:
    first = read(tmp_path)
    (tmp_path / CACHE).write_bytes(content)
    assert read(tmp_path) == first


def test_a_read_only_checkout_works(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / ".aegisdb").write_text("in the way, which stops root too")
    assert load(path, {}).file.project == "demo"


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    read(tmp_path)
    assert (tmp_path / CACHE).parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / CACHE).parent.iterdir()] == [CACHE.name]
