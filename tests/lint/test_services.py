"""Services one after the other say what all of them at once say, again from what is kept, and keep nothing too long."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import HistoryError
from aegisdb.lint import Finding, check, linter, services
from aegisdb.lint.finding_cache import KeptServices
from aegisdb.lint.services import Report, lint_services
from aegisdb.lint.squawk import Squawk, squawk
from aegisdb.revisions.history import Everything
from tests.lint.judging import context_of
from tests.monorepo import Rev, Svc, build_monorepo

UNSAFE = 'op.execute("ALTER TABLE shop_items DROP COLUMN a")'
HIDDEN = 'op.execute("DROP TABLE shop_items")  # aegisdb: ignore[unguarded-sql] it is always there'
PARTED = 'op.execute("CREATE TABLE IF NOT EXISTS part_1 PARTITION OF shop_items FOR VALUES IN (1)")'
ATTACHED = 'op.execute("ALTER TABLE IF EXISTS part_1 ADD COLUMN IF NOT EXISTS b int")'
pytestmark = pytest.mark.child
SERVICES = {
    "zoo": Svc(revisions=(Rev(id="z1", up=UNSAFE), Rev(id="z2", parent="z1", up=HIDDEN))),
    "shop": Svc(revisions=(Rev(id="s1", up=PARTED), Rev(id="s2", parent="s1", up=ATTACHED)), owns=("shop_*",)),
    "many": Svc(revisions=(Rev(id="m1"), Rev(id="m2", parent="m1"), Rev(id="m3", parent="m1", up=UNSAFE))),
    "broken": Svc(revisions=(Rev(id="b1", parent="nowhere"),)),
    "bank": Svc(revisions=(Rev(id="k1", up='op.execute("DELETE FROM shop_items")'),)),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A monorepo in which most kinds of findings occur; its files are old enough to be trusted."""
    build_monorepo(tmp_path, SERVICES)
    age(tmp_path)
    return tmp_path


def age(root: Path) -> None:
    for path in root.rglob("versions/*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def one_by_one(root: Path, *, every: bool = True) -> Report:
    context = context_of(root)
    alone = replace(context, histories={})
    return lint_services(alone, dict(context.histories), lambda h: Everything(h) if every else h.ordered()[:1])


def at_once(root: Path) -> tuple[tuple[Finding, ...], int, tuple[str, ...]]:
    """As all services were judged when there was no other way; nothing that was kept is used."""
    context = context_of(root)
    chosen = [(name, revision) for name, history in context.good().items() for revision in history.ordered()]
    unsafe, notes = squawk(context, chosen)
    linted = check(context, chosen, unsafe)
    return linted.findings, linted.ignored, notes


def said(report: Report) -> tuple[tuple[Finding, ...], int, tuple[str, ...]]:
    return tuple(report.findings), report.ignored, report.notes


def test_the_same_as_all_at_once_first_and_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = at_once(root)
    assert {"several-heads", "broken-history", "unsafe-ddl", "foreign-object"} <= {one.rule for one in expected[0]}
    assert expected[1] == 1
    first = one_by_one(root)
    assert said(first) == expected
    assert first.revisions == 8
    assert first.findings.files == len({finding.path for finding in expected[0]})
    monkeypatch.setattr(linter, "_of_file", None)
    assert said(one_by_one(root)) == expected


def test_some_services_at_a_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PORTION", 1)
    assert said(one_by_one(root)) == at_once(root)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("killed", [False, True])
def test_two_processes(root: Path, monkeypatch: pytest.MonkeyPatch, *, killed: bool) -> None:
    here, judged_here, judge = os.getpid(), [], services.judge_services

    def watched(*given: Any) -> services.Judged:
        if os.getpid() == here:
            judged_here.append(list(given[1]))
        elif killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return judge(*given)

    monkeypatch.setattr(services, "PORTION", 1)
    monkeypatch.setattr(services, "may_fork", lambda: True)
    monkeypatch.setattr(services, "judge_services", watched)
    expected = at_once(root)
    assert said(one_by_one(root)) == expected
    assert judged_here == ([["many", "broken", "bank"]] if killed else [])
    monkeypatch.setattr(linter, "_of_file", None)
    assert said(one_by_one(root)) == expected


def test_services_that_share_a_folder(root: Path) -> None:
    registry = root / "services.yaml"
    registry.write_text(registry.read_text().replace("services/bank", "services/zoo"))
    expected = at_once(root)
    report = one_by_one(root)
    assert {finding.service for finding in expected[0] if "/zoo/" in finding.path} == {"bank", "zoo"}
    assert said(report) == expected
    assert report.findings.files == len({finding.path for finding in expected[0]})


def test_a_part_of_a_history_is_not_kept_for_all_of_it(root: Path) -> None:
    assert one_by_one(root, every=False).revisions == 4
    assert said(one_by_one(root)) == at_once(root)


def test_an_edited_file(root: Path) -> None:
    before = said(one_by_one(root))
    file = root / "services/zoo/alembic/versions/z1.py"
    file.write_text(file.read_text().replace("DROP COLUMN a", "DROP COLUMN IF EXISTS a"))
    age(root)
    after = said(one_by_one(root))
    assert after == at_once(root) != before


def test_a_file_about_which_another_one_had_a_say(root: Path) -> None:
    """The parent of a partition is told by another file of the service."""
    assert not [one for one in one_by_one(root).findings if (one.service, one.rule) == ("shop", "foreign-object")]
    file = root / "services/shop/alembic/versions/s1.py"
    file.write_text(file.read_text().replace("PARTITION OF shop_items FOR VALUES IN (1)", "(id bigint)"))
    age(root)
    messages = [one.message for one in one_by_one(root).findings if one.path.endswith("/s2.py")]
    assert any("part_1" in message for message in messages)
    assert said(one_by_one(root)) == at_once(root)


def test_another_policy_of_the_service(root: Path) -> None:
    file = root / "services/bank/alembic/versions/k1.py"
    file.write_text(file.read_text().replace("def downgrade", "def left_out"))
    age(root)
    assert "missing-downgrade" in {one.rule for one in one_by_one(root).findings if one.service == "bank"}
    registry = root / "services.yaml"
    registry.write_text(
        registry.read_text().replace('"path": "services/bank"', '"path": "services/bank", "one_way": true')
    )
    assert "missing-downgrade" not in {one.rule for one in one_by_one(root).findings if one.service == "bank"}


def test_what_a_worker_renders_is_never_kept_whole(root: Path) -> None:
    file = root / "services/zoo/alembic/versions/z1.py"
    file.write_text(file.read_text().replace(UNSAFE, 'op.create_index("i", "shop_items", ["a"])'))
    age(root)
    one_by_one(root)
    context = context_of(root)
    with Squawk(context.registry) as asking, KeptServices(context, asking.key) as kept:
        known = {
            name: kept.get(history) is not None
            for name, history in context.histories.items()
            if not isinstance(history, HistoryError)
        }
    assert known == {"zoo": False, "shop": True, "many": True, "bank": True}


def test_findings_are_a_sequence(root: Path) -> None:
    findings = one_by_one(root).findings
    listed = list(findings)
    assert [findings[place] for place in range(-len(listed), len(listed))] == listed + listed
    assert findings[1:-1] == tuple(listed[1:-1])
    assert findings == tuple(listed)
    assert hash(findings) == hash(tuple(listed))
    assert sum(findings.rules.values()) == len(findings) == len(listed)
    with pytest.raises(IndexError):
        findings[len(listed)]
