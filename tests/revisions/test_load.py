"""Histories on disk: configuration, cache, broken neighbours, order across services."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from aegisdb.applied.status import read_standings
from aegisdb.errors import BadInput, HistoryError, UsageError
from aegisdb.registry import load
from aegisdb.registry.types import Registry
from aegisdb.revisions import cache
from aegisdb.revisions.load import good_histories, read_histories, read_history
from aegisdb.revisions.locate import locate
from aegisdb.revisions.order import all_needs, service_order
from aegisdb.revisions.parse import Revision, scan
from aegisdb.revisions.summary import summarized
from tests.monorepo import Rev, Svc, build_monorepo, table, write, write_revision

AB = {
    "a": Svc(revisions=(Rev(id="a1"), Rev(id="a2"))),
    "b": Svc(revisions=(Rev(id="b1"),)),
}


def age(root: Path, name: str = "*") -> Path:
    """Make revision files old ones; the path of the second one of `a`."""
    for path in root.rglob(f"versions/{name}.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root / "services" / "a" / "alembic" / "versions" / "a2.py"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are read from now on."""
    names: list[str] = []

    def counting(path: Path) -> Revision:
        names.append(path.name)
        return scan(path)

    monkeypatch.setattr("aegisdb.revisions.load.scan", counting)
    return names


def registry(root: Path, services: dict[str, Svc]) -> Registry:
    build_monorepo(root, services, url="postgresql://u@localhost/x")
    return load(root / "services.yaml", {})


def test_alembic_ini_with_several_version_locations(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    home = tmp_path / "services" / "a"
    text = "[alembic]\nscript_location = %(here)s/alembic\nversion_locations = %(here)s/one %(here)s/two\n"
    write(home / "alembic.ini", text)
    write(home / "one" / "x1.py", 'revision = "x1"\n')
    write(home / "two" / "x2.py", 'revision = "x2"\ndown_revision = "x1"\n')
    assert list(read_history(found, "a").revisions) == ["x1", "x2"]
    write(home / "alembic.ini", text.replace("s/one ", "s/one:") + "path_separator = :\n")
    assert list(read_history(found, "a").revisions) == ["x1", "x2"]
    write(home / "alembic.ini", text.replace("s/two", "s/three"))
    with pytest.raises(HistoryError, match="three") as raised:
        read_history(found, "a")
    # as in a clone of a history without revisions: git keeps no empty directory
    assert raised.value.hint == f"mkdir {home / 'three'}, if there is no revision yet"
    (home / "alembic").rename(home / "elsewhere")
    with pytest.raises(HistoryError, match="no directory") as raised:
        read_history(found, "a")
    assert raised.value.hint == ""


def test_pyproject_toml_as_configuration(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    home = tmp_path / "services" / "a"
    (home / "alembic.ini").unlink()
    write(home / "pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/alembic"\n')
    assert locate(found, "a").pyproject == home / "pyproject.toml"
    assert list(read_history(found, "a").revisions) == ["a1", "a2"]


def test_a_history_inside_an_installed_package(tmp_path: Path) -> None:
    inside = Svc(alembic={"config": None, "script_location": "billing:migrations"})
    found = registry(tmp_path, {"billing": inside})
    home = tmp_path / "services" / "billing"
    write(home / "billing" / "__init__.py", "raise SystemExit('never imported')\n")
    write(home / "billing" / "migrations" / "versions" / "b1.py", 'revision = "b1"\n')
    assert list(read_history(found, "billing").revisions) == ["b1"]


def test_the_registry_says_where_revisions_are(tmp_path: Path) -> None:
    keys = {"version_locations": ["one", "parcel:two"], "recursive_version_locations": True}
    home = tmp_path / "services" / "a"
    write(home / "parcel" / "__init__.py", "")
    write(home / "one" / "2025" / "x1.py", 'revision = "x1"\n')
    write(home / "parcel" / "two" / "x2.py", 'revision = "x2"\ndown_revision = "x1"\n')
    found = registry(tmp_path, {"a": Svc(alembic=keys)})
    assert list(read_history(found, "a").revisions) == ["x1", "x2"]


def test_revisions_that_alembic_is_not_told_of_are_told(tmp_path: Path) -> None:
    found = registry(tmp_path, {"a": Svc()})
    versions = tmp_path / "services" / "a" / "alembic" / "versions"
    write(versions / "old" / "notes.py", "x = 1\n")
    assert list(read_history(found, "a").revisions) == []
    for number, folder in enumerate(("2025", "2025", "2026/01")):
        write(versions / folder / f"x{number}.py", f'revision: str = "x{number}"\ndown_revision: str | None = None\n')
    with pytest.raises(HistoryError, match="2 in versions/2025, 1 in versions/2026/01") as raised:
        read_history(found, "a")
    assert "recursive_version_locations: true" in raised.value.hint


def test_a_broken_history_leaves_the_others_alone(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    write(tmp_path / "services" / "a" / "alembic" / "versions" / "notes.py", "x = 1\n")
    histories = read_histories(found)
    assert isinstance(histories["a"], HistoryError)
    assert "notes.py" in histories["a"].message
    assert not isinstance(histories["b"], HistoryError)
    with pytest.raises(HistoryError):
        good_histories(found)


def test_the_cache_never_hides_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(tmp_path, AB)
    path = age(tmp_path)
    before = read_history(found, "a")
    scanned = counted(monkeypatch)
    again = read_history(found, "a")
    assert (scanned, again.heads, dict(again.revisions)) == ([], before.heads, dict(before.revisions))
    path.write_text(path.read_text().replace("pass", "1/0"))
    assert read_history(found, "a").revisions["a2"].digest != before.revisions["a2"].digest
    assert scanned == ["a2.py"]
    for file in (tmp_path / ".aegisdb" / "cache").iterdir():
        file.write_bytes(b"{ damaged")
    assert list(read_history(found, "a").revisions) == ["a1", "a2"]


def test_a_change_that_leaves_size_and_time_as_they_were(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    path = age(tmp_path)
    assert read_history(found, "a").heads == ("a2",)
    path.write_text(path.read_text().replace("'a2'", "'a9'"))
    age(tmp_path, "a2")
    assert read_history(found, "a").heads == ("a9",)


def test_what_was_changed_just_now_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(tmp_path, AB)
    path = age(tmp_path)
    os.utime(path)
    scanned = counted(monkeypatch)
    read_history(found, "a")
    read_history(found, "a")
    assert scanned == ["a1.py", "a2.py", "a2.py"]


def test_files_that_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(tmp_path, AB)
    path = age(tmp_path)
    read_histories(found)
    write_revision(tmp_path / "services" / "a", Rev(id="a3", parent="a2"), None)
    age(tmp_path, "a3")
    scanned = counted(monkeypatch)
    assert read_history(found, "a").heads == ("a3",)
    path.with_name("a3.py").rename(path.with_name("a0.py"))
    assert read_history(found, "a").revisions["a3"].path.name == "a0.py"
    path.unlink()
    with pytest.raises(HistoryError, match="revises a2"):
        read_history(found, "a")
    assert set(scanned) == {"a3.py", "a0.py"}


def test_the_files_beside_a_broken_one_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(tmp_path, AB)
    path = age(tmp_path)
    text = path.read_text()
    path.write_text("revision =")
    age(tmp_path, "a2")
    with pytest.raises(HistoryError, match="does not compile"):
        read_history(found, "a")
    scanned = counted(monkeypatch)
    with pytest.raises(HistoryError, match="does not compile"):
        read_history(found, "a")
    assert scanned == ["a2.py"]
    path.write_text(text)
    assert read_history(found, "a").heads == ("a2",)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(HistoryError, match="cannot be read"):
        read_history(found, "a")


def test_a_linked_directory_of_revisions(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    versions = tmp_path / "services" / "a" / "alembic" / "versions"
    versions.rename(tmp_path / "elsewhere")
    versions.symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        assert {r.path.parent for r in read_history(found, "a").ordered()} == {tmp_path.resolve() / "elsewhere"}


def test_an_abbreviation_in_depends_on_follows_the_other_files(tmp_path: Path) -> None:
    found = registry(tmp_path, {"a": Svc(revisions=(Rev(id="abc1"),))})
    home = tmp_path / "services" / "a"
    other = write_revision(home, Rev(id="x1"), None)
    other.write_text(other.read_text() + 'depends_on = "abc"\n')
    age(tmp_path)
    for _ in range(2):
        assert read_history(found, "a").revisions["x1"].depends_on == ("abc1",)


def test_foreign_keys_and_after_make_the_order(tmp_path: Path) -> None:
    services = {
        "c": Svc(revisions=(Rev(id="c1", up=table("c_t", "b bigint REFERENCES b_t")),)),
        "b": Svc(revisions=(Rev(id="b1", up='op.create_foreign_key("fk", "b_t", "a_t", ["x"], ["id"])'),)),
        "d": Svc(after=("c",)),
        "a": Svc(),
    }
    found = registry(tmp_path, services)
    assert service_order(found, good_histories(found)) == ("a", "b", "c", "d")


def test_a_circle_of_services_is_printed(tmp_path: Path) -> None:
    services = {
        "a": Svc(revisions=(Rev(id="a1", up=table("a_t", "b bigint REFERENCES b_t")),)),
        "b": Svc(revisions=(Rev(id="b1", up=table("b_t", "a bigint REFERENCES a_t")),)),
    }
    found = registry(tmp_path, services)
    with pytest.raises(BadInput, match="a -> b -> a") as caught:
        service_order(found, good_histories(found))
    assert "a1.py references b_t" in caught.value.hint


def test_an_unknown_service_gets_a_suggestion(tmp_path: Path) -> None:
    found = registry(tmp_path, {"orders": Svc()})
    with pytest.raises(UsageError) as caught:
        read_history(found, "order")
    assert "did you mean orders" in caught.value.hint


def test_a_service_without_a_history_is_told_from_an_unknown_one(tmp_path: Path) -> None:
    found = registry(tmp_path, {"orders": Svc(), "mail": Svc(more={"alembic": None})})
    with pytest.raises(UsageError, match="has no Alembic history") as caught:
        read_history(found, "mail")
    assert (caught.value.code, caught.value.hint) == ("no_history", "services with one: orders")
    with pytest.raises(UsageError) as caught:
        read_history(found, "mial")
    assert caught.value.code == "unknown_service"


def test_needs_of_needs_count(tmp_path: Path) -> None:
    services = {
        "a": Svc(revisions=(Rev(id="a1", up=table("a_t")),)),
        "b": Svc(revisions=(Rev(id="b1", up=table("b_t", "a bigint REFERENCES a_t")),)),
        "c": Svc(revisions=(Rev(id="c1", up=table("c_t", "b bigint REFERENCES b_t")),)),
    }
    found = registry(tmp_path, services)
    assert all_needs(found, good_histories(found), "c") == {"a", "b"}
    assert all_needs(found, good_histories(found), "a") == set()


def test_a_copied_file_is_a_duplicate_naming_both(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    home = tmp_path / "services" / "a"
    original = write_revision(home, Rev(id="a9", parent="a2"), None)
    original.with_name("copy_of_a9.py").write_text(original.read_text())
    with pytest.raises(HistoryError) as caught:
        read_history(found, "a")
    assert "a9.py" in caught.value.where
    assert "copy_of_a9.py" in caught.value.where


def test_where_services_stand_is_told_without_decoding_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = registry(tmp_path, AB)
    age(tmp_path)
    first = {name: (s.state, list(s.pending)) for name, s in read_standings(None, read_histories(found)).items()}
    histories = read_histories(found)
    with monkeypatch.context() as patched:
        patched.setattr(cache, "revived", None)
        standings = read_standings(None, histories)
        assert {name: len(s.pending) for name, s in standings.items()} == {"a": 2, "b": 1}
        behind = standings["a"].behind
        assert behind is not None
        assert behind.message == "a has 2 pending revisions"
        history = good_histories(found)["a"]
        assert (history.unknown(("a2",)), history.pending(("a2",)), history.heads) == ((), (), ("a2",))
    assert {name: (s.state, list(s.pending)) for name, s in standings.items()} == first
    assert standings["a"].pending[1].id == "a2"
    assert [revision.id for revision in standings["a"].pending[:1]] == ["a1"]


def test_what_is_kept_of_all_revisions_together_is_what_they_say_one_by_one(tmp_path: Path) -> None:
    services = {
        "a": Svc(
            revisions=(
                Rev(id="a1", up=table("a_t"), head="import json\nimport helper"),
                Rev(id="a2", up=table("a_u", "b bigint REFERENCES b_t (id)"), head="import json"),
            )
        ),
        "b": Svc(revisions=(Rev(id="b1", up=table("b_t")),)),
    }
    found = registry(tmp_path, services)
    age(tmp_path)
    read_history(found, "a")
    history = read_history(found, "a")
    assert history.kept is not None
    assert history.summary == summarized(history.ordered())
    assert history.summary.references == {"b_t": "a2.py"}


COMPUTED = """
import pathlib
from words import LABEL

pathlib.Path(__file__).with_suffix(".ran").open("a").write("x")
revision = "b1"
down_revision = None
branch_labels = (LABEL,)
depends_on = []
try:
    import words
    depends_on.append("a1")
except ImportError:
    pass
"""


def _settle(home: Path) -> None:
    """Make everything old: what has just been written may be written again in the same moment."""
    for each in (home, *home.rglob("*")):
        os.utime(each, (1, 1))


@pytest.mark.child
@pytest.mark.parametrize("runner", [None, (sys.executable,)], ids=["here", "runner"])
def test_ids_that_no_text_tells_are_asked_once_of_the_service(tmp_path: Path, runner: tuple[str, ...] | None) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=(Rev(id="a1"),), runner=runner), "b": Svc(revisions=(Rev(id="c1"),))})
    home = tmp_path / "services" / "a"
    write(home / "words.py", 'LABEL = "expand"\n')
    file = write(home / "alembic" / "versions" / "b1.py", COMPUTED)
    _settle(home)
    registry = load(tmp_path / "services.yaml", {})
    for _ in range(2):
        revision = read_history(registry, "a").revisions["b1"]
        assert (revision.labels, revision.depends_on) == (("expand",), ("a1",))
    assert file.with_suffix(".ran").read_text() == "x"
    (home / "words.py").unlink()
    file.write_text(COMPUTED + "\n")
    found = read_histories(registry)
    assert "No module named 'words'" in str(found["a"])
    assert not isinstance(found["b"], HistoryError), "the others are read"


RESTS = """
import json
import pathlib
from labels import LABEL

pathlib.Path(__file__).with_suffix(".ran").open("a").write("x")
revision = "b1"
down_revision = None
branch_labels = (LABEL, json.loads((pathlib.Path(__file__).parents[2] / "more.json").read_text()))
try:
    from later import NEEDS
except ImportError:
    NEEDS = "a1"
depends_on = NEEDS
"""


@pytest.mark.child
@pytest.mark.parametrize(
    ("file", "text", "labels", "needs"),
    [
        ("constants.py", 'NAME = "contract"\n', ("contract", "more"), ("a1",)),
        ("more.json", '"most"', ("expand", "most"), ("a1",)),
        ("later.py", "NEEDS = ()\n", ("expand", "more"), ()),
    ],
    ids=["import of an import", "a file that is read", "a module that was missing"],
)
def test_ids_are_asked_anew_where_what_they_rest_on_changed(
    tmp_path: Path, file: str, text: str, labels: tuple[str, ...], needs: tuple[str, ...]
) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=(Rev(id="a1"),))})
    home = tmp_path / "services" / "a"
    write(home / "labels.py", "from constants import NAME as LABEL\n")
    write(home / "constants.py", 'NAME = "expand"\n')
    write(home / "more.json", '"more"')
    asked = write(home / "alembic" / "versions" / "b1.py", RESTS)
    _settle(home)
    registry = load(tmp_path / "services.yaml", {})
    for _ in range(3):
        assert read_history(registry, "a").revisions["b1"].labels == ("expand", "more")
    assert asked.with_suffix(".ran").read_text() == "x", "asked once while nothing changes"
    write(home / file, text)
    for _ in range(2):
        revision = read_history(registry, "a").revisions["b1"]
        assert (revision.labels, revision.depends_on) == (labels, needs)
