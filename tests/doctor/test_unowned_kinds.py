"""Objects of every kind that no service owns: what doctor says to add to `owns` can be added, and is enough."""

from __future__ import annotations

import json
import re

import pytest

from tests.doctor.clinic import Clinic, execute
from tests.monorepo import Rev, write_revision

_MADE = (
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION varchar_support(internal))",
    "CREATE TYPE my AS (a int)",
    "CREATE FUNCTION my_to_int(my) RETURNS int LANGUAGE sql IMMUTABLE AS 'select 1'",
    "CREATE CAST (my AS int) WITH FUNCTION my_to_int(my)",
    "CREATE FUNCTION my_eq(my, my) RETURNS bool LANGUAGE sql IMMUTABLE AS 'select true'",
    "CREATE OPERATOR *** (LEFTARG = my, RIGHTARG = my, FUNCTION = my_eq)",
    "CREATE OPERATOR CLASS oc FOR TYPE my USING hash AS OPERATOR 1 ***",
    "CREATE PUBLICATION pub FOR TABLE shop_items",
    "CREATE FUNCTION evt() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end'",
    "CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION evt()",
    "CREATE FOREIGN DATA WRAPPER fdw",
    "CREATE SERVER srv FOREIGN DATA WRAPPER fdw",
    "CREATE USER MAPPING FOR PUBLIC SERVER srv",
    "CREATE TEXT SEARCH CONFIGURATION tsc (COPY = simple)",
    "CREATE TYPE en AS ENUM ('a')",
    "CREATE COLLATION co (locale = 'C')",
    "CREATE CONVERSION cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "CREATE AGGREGATE ag(int) (sfunc = int4pl, stype = int)",
    "CREATE SCHEMA sch",
)
_ADD = re.compile(r"add `(?P<name>.+)` to `owns` of shop in services\.yaml")


def _unowned(clinic: Clinic) -> dict[str, str]:
    findings = clinic.doctor()["result"]["findings"]
    return {one["subject"]: one["command"] for one in findings if one["check"] == "unowned"}


@pytest.fixture
def varied(healthy: Clinic) -> Clinic:
    up = "\n".join(f"op.execute({statement!r})" for statement in _MADE)
    write_revision(healthy.shop, Rev(id="s3", up=up), "s2")
    assert healthy.invoke("migrate.apply").code == 0
    return healthy


def test_each_is_found_in_its_revision_and_owned_by_what_is_told(varied: Clinic) -> None:
    told = _unowned(varied)
    assert len(told) >= len(_MADE) - 1
    path = varied.root / "services.yaml"
    document = json.loads(path.read_text())
    for subject, command in told.items():
        advice = _ADD.fullmatch(command)
        assert advice, f"{subject}: {command}"
        name = advice["name"]
        document["services"]["shop"]["owns"].append(json.loads(name) if name.startswith('"') else name)
    document["services"]["shop"]["owns"] = sorted(set(document["services"]["shop"]["owns"]))
    path.write_text(json.dumps(document))
    assert _unowned(varied) == {}


def test_a_change_of_what_nobody_owns_says_so(varied: Clinic) -> None:
    execute(varied.address, "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO PUBLIC", "ALTER TYPE en ADD VALUE 'b'")
    (found,) = [one for one in varied.doctor()["result"]["findings"] if one["check"] == "drift"]
    assert found["command"].startswith("name them in `owns`")
    ran = varied.invoke("migrate.verify")
    assert "no service owns it: invoke doctor says what to add to `owns`" in ran.err
    assert "made by hand" not in ran.err


def test_what_was_made_by_hand_is_undone_by_hand(healthy: Clinic) -> None:
    execute(
        healthy.address,
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    told = _unowned(healthy)
    assert set(told.values()) == {"put it into a revision of its service (migrate.new --empty), or undo it by hand"}
    assert len(told) == 2
