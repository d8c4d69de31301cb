"""Histories on disk: configuration, cache, broken neighbours, order across services."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aegisdb.errors import BadInput, HistoryError, UsageError
from aegisdb.histories.locations import locate
from aegisdb.histories.order import all_needs, service_order
from aegisdb.histories.reading import good_histories, read_histories, read_history
from aegisdb.registry import load
from aegisdb.registry.types import Registry
from tests.monorepo import Rev, Svc, build_monorepo, table, write, write_revision

AB = {
    "a": Svc(revisions=(Rev(id="a1"), Rev(id="a2"))),
    "b": Svc(revisions=(Rev(id="b1"),)),
}


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
    with pytest.raises(HistoryError, match="three"):
        read_history(found, "a")


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


def test_a_broken_history_leaves_the_others_alone(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    write(tmp_path / "services" / "a" / "alembic" / "versions" / "notes.py", "x = 1\n")
    histories = read_histories(found)
    assert isinstance(histories["a"], HistoryError)
    assert "notes.py" in histories["a"].message
    assert not isinstance(histories["b"], HistoryError)
    with pytest.raises(HistoryError):
        good_histories(found)


def test_the_cache_never_hides_a_change(tmp_path: Path) -> None:
    found = registry(tmp_path, AB)
    path = tmp_path / "services" / "a" / "alembic" / "versions" / "a2.py"
    os.utime(path, (1, 1))
    read_histories(found)
    kept = json.loads((tmp_path / ".aegisdb" / "cache" / "revisions.json").read_text())
    assert str(path) in kept["files"]
    before = read_history(found, "a").revisions["a2"]
    path.write_text(path.read_text().replace("pass", "1/0"))
    assert read_history(found, "a").revisions["a2"].digest != before.digest
    write(tmp_path / ".aegisdb" / "cache" / "revisions.json", "{ damaged")
    assert list(read_history(found, "a").revisions) == ["a1", "a2"]


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
