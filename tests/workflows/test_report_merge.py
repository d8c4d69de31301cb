"""Parts of a command, each run apart, and their reports put together."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
WRONG = Rev(id="delta2", up='op.execute("ALTER TABLE delta_t ADD n int")')


def service(name: str) -> Svc:
    made = Rev(id=f"{name}1", up=table(f"{name}_t"), down=f'op.execute("DROP TABLE {name}_t")')
    return Svc(revisions=(made, WRONG) if name == "delta" else (made,))


def _name(one: dict[str, Any]) -> str:
    return str(one["service"])


def whole(ran: Ran) -> Any:
    return {one["service"]: [proof["status"] for proof in one["revisions"]] for one in ran.json["services"]}


@pytest.fixture
def parts(tmp_path: Path, database: Address) -> Path:
    """Reports of a roundtrip in three parts, and one of all services at once."""
    build_monorepo(tmp_path, {name: service(name) for name in NAMES}, url=database.url())
    (tmp_path / "parts").mkdir()
    for number in range(3):
        words = ("migrate.roundtrip", "--all", "--shard", f"{number}/3", "--format", "json")
        (tmp_path / "parts" / f"part{number}.json").write_text(invoke(*words, cwd=tmp_path).out)
    (tmp_path / "whole.json").write_text(invoke("migrate.roundtrip", "--all", "--format", "json", cwd=tmp_path).out)
    return tmp_path


def test_all_parts_are_the_whole(parts: Path) -> None:
    merged = invoke("report.merge", "--files", "parts", "--format", "json", cwd=parts)
    expected = json.loads((parts / "whole.json").read_text())
    assert (merged.code, expected["exit_code"]) == (6, 6)
    assert merged.json["errors"] == expected["errors"]
    assert whole(merged) == {one["service"]: [p["status"] for p in one["revisions"]] for one in expected["services"]}
    assert (merged.json["result"]["merged"], merged.json["result"]["shards"]) == ("migrate.roundtrip", 3)
    assert "all 3 parts: 5 services" in invoke("report.merge", "--files", "parts", cwd=parts).out
    _what_is_missing_is_told(parts)


def _what_is_missing_is_told(parts: Path) -> None:
    (parts / "broken.json").write_text("{")
    (parts / "lint.json").write_text(invoke("migrate.lint", "--shard", "2/3", "--format", "json", cwd=parts).out)
    shutil.copy(parts / "parts" / "part0.json", parts / "copy.json")
    (parts / "four.json").write_text((parts / "parts" / "part2.json").read_text().replace('"2/3"', '"2/4"'))
    two, third = ("parts/part0.json", "parts/part1.json"), "parts/part2.json"
    for names, told in {
        two: "part 2/3 is missing",
        (*two, third, "four.json"): "one of 4",
        (*two, third, "copy.json"): "part 0/3 is there twice",
        (*two, "lint.json"): "lint.json is of migrate.lint",
        (*two, "broken.json"): "no report of a part",
        (*two, "whole.json"): "no report of a part",
        (*two, "nowhere.json"): "cannot read a report",
        (): "no report is named",
    }.items():
        ran = invoke("report.merge", *(word for name in names for word in ("--files", name)), cwd=parts)
        assert (ran.code, "error[shards]" in ran.last) == (2, True), ran.err
        assert told in ran.last


def test_lint_in_parts_finds_what_it_finds_at_once(tmp_path: Path) -> None:
    build_monorepo(tmp_path, {name: service(name) for name in NAMES})
    (tmp_path / "parts").mkdir()
    for number in range(3):
        words = ("migrate.lint", "--all", "--shard", f"{number}/3", "--format", "json")
        (tmp_path / "parts" / f"part{number}.json").write_text(invoke(*words, cwd=tmp_path).out)
    merged = invoke("report.merge", "--files", "parts", "--format", "json", cwd=tmp_path)
    at_once = invoke("migrate.lint", "--all", "--format", "json", cwd=tmp_path)
    report, expected = merged.json["result"]["report"], at_once.json["result"]
    assert (merged.code, report["revisions"]) == (at_once.code, expected["revisions"])
    assert sorted(map(str, report["findings"])) == sorted(map(str, expected["findings"]))


def test_verify_in_parts_finds_what_it_finds_at_once(tmp_path: Path, database: Address) -> None:
    services = {name: Svc(revisions=service(name).revisions[:1]) for name in ("alpha", "beta", "delta")}
    home = build_monorepo(tmp_path, services, url=database.url())
    assert invoke("migrate.apply", cwd=home).code == 0
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE beta_t ADD made int; CREATE TABLE nobodys (id int); DROP TABLE delta_t")
        conn.execute("CREATE TABLE twice (id int); INSERT INTO twice VALUES (1), (1)")
        with suppress(psycopg.errors.UniqueViolation):
            conn.execute("CREATE UNIQUE INDEX CONCURRENTLY left_invalid ON twice (id)")
    (tmp_path / "parts").mkdir()
    for number in range(2):
        words = ("migrate.verify", "--shard", f"{number}/2", "--format", "json")
        (tmp_path / "parts" / f"part{number}.json").write_text(invoke(*words, cwd=home).out)
    merged = invoke("report.merge", "--files", "parts", "--format", "json", cwd=home)
    at_once = invoke("migrate.verify", "--format", "json", cwd=home)
    report, expected = merged.json["result"]["report"], at_once.json["result"]
    assert merged.json["services"] == sorted(at_once.json["services"], key=_name)
    assert report == {key: value for key, value in expected.items() if key != "shard"}
    assert expected["invalid_indexes"]
    assert {one["service"] for one in at_once.json["services"] if one["drift"]} == {"beta", "delta"}
    assert merged.code == at_once.code == 6
    assert sorted(map(str, merged.json["errors"])) == sorted(map(str, at_once.json["errors"]))
