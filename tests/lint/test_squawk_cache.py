"""squawk is not asked again about what it has judged, unless something that counts has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.lint import squawk
from tests.lint.judging import context_of
from tests.monorepo import Rev, Svc, build_monorepo

pytestmark = pytest.mark.child

WRITTEN = Rev(id="s1", up='op.execute("ALTER TABLE shop_items DROP COLUMN a")')
RENDERED = Rev(id="s2", up='op.create_index("i", "shop_items", ["a"])')


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many scripts squawk was asked about, each time; two of old files were judged before."""
    build_monorepo(tmp_path, {"shop": Svc(revisions=(WRITTEN, RENDERED))})
    _age(*tmp_path.rglob("versions/*.py"))
    counted: list[int] = []
    ask = squawk._ask  # noqa: SLF001

    def counting(program: str, files: list[str], *rest: object) -> object:
        counted.append(len(files))
        return ask(program, files, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(squawk, "_ask", counting)
    assert _judged(tmp_path) == ["ban-drop-column", "require-concurrent-index-creation"]
    assert sum(counted) == 2
    counted.clear()
    return counted


def test_the_same_again(tmp_path: Path, asked: list[int]) -> None:
    assert _judged(tmp_path) == ["ban-drop-column", "require-concurrent-index-creation"]
    assert sum(asked) == 0


def test_another_text_is_judged_anew(tmp_path: Path, asked: list[int]) -> None:
    file = tmp_path / "services/shop/alembic/versions/s1.py"
    file.write_text(file.read_text().replace("DROP COLUMN a", "DROP COLUMN b"))
    _age(file)
    _judged(tmp_path)
    assert sum(asked) == 1


def test_env_py_has_a_say_in_what_is_rendered(tmp_path: Path, asked: list[int]) -> None:
    env = tmp_path / "services/shop/alembic/env.py"
    patch = "from alembic import op\nop.create_index = lambda *_: op.execute('ALTER TABLE shop_items DROP COLUMN c')\n"
    env.write_text(patch + env.read_text())
    assert _judged(tmp_path) == ["ban-drop-column", "ban-drop-column"]
    assert sum(asked) == 1


def test_another_configuration_of_squawk(tmp_path: Path, asked: list[int]) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_paths = ["elsewhere/*"]\n')
    assert _judged(tmp_path) == ["ban-drop-column", "require-concurrent-index-creation"]
    assert sum(asked) == 2


def test_no_worker_where_the_text_says_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_monorepo(tmp_path, {"shop": Svc(revisions=(WRITTEN,))})
    (tmp_path / "services/shop/alembic/env.py").write_text("raise SystemExit('env.py was run')\n")
    monkeypatch.setattr("aegisdb.lint.rendered_sql.warm_process", None)
    assert _judged(tmp_path) == ["ban-drop-column"]


def _judged(root: Path) -> list[str]:
    context = context_of(root)
    chosen = [("shop", revision) for revision in context.good()["shop"].ordered()]
    found, notes = squawk.squawk(context, chosen)
    assert notes == ()
    return [finding.message.partition(":")[0] for finding in found]


def _age(*files: Path) -> None:
    for file in files:
        os.utime(file, (1_700_000_000, 1_700_000_000))
