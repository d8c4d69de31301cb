"""What revisions import is looked for among the modules of the process, as seldom as possible."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType

import pytest

from aegisdb.runtime.worker import files_read


def test_no_revision_is_looked_for_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[set[str]] = []

    def modules_of(packages: Iterable[str]) -> list[str]:
        looked.append(set(packages))
        return []

    monkeypatch.setattr(files_read, "_packages", set[str]())
    monkeypatch.setattr(files_read, "_modules_of", modules_of)
    for number in range(3):
        revision = ModuleType(f"r{number}_py")
        exec("import json\n\n\ndef upgrade(): ...", vars(revision))  # noqa: S102
        files_read.of_revision(vars(revision))
    assert looked == [{"json"}]


def test_a_package_that_a_revision_has_a_name_of_is_told_with_its_modules(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("package")
    for name in ("shop", "shop.prices", "shopping"):
        (folder / f"{name}.py").write_text("")
        module = ModuleType(name)
        module.__file__ = str(folder / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("_packages", "_told"):
        monkeypatch.setattr(files_read, name, set[str]())
    monkeypatch.setattr(files_read, "_by_revisions", dict[str, None]())
    told = files_read.of_revision({"__name__": "r1_py", "shop": sys.modules["shop"]})
    assert told == [str(folder / "shop.prices.py"), str(folder / "shop.py")]
