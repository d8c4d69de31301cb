"""Services of which some are broken: each is a row that says why, and the others get their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres.address import Address
from aegisdb.progress import Event
from aegisdb.workflows.migrate.verify import verify
from aegisdb.workspace import open_workspace
from tests.doctor.clinic import execute
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import rows
from tests.workflows.project import Project, project

MODEL = """
class T(Base):
    __tablename__ = "{0}_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""
SEED = "INSERT INTO {0}_t VALUES (1) ON CONFLICT DO NOTHING;\n"


def service(name: str, *, after: tuple[str, ...] = ()) -> Svc:
    made = Rev(id=f"{name}1", up=table(f"{name}_t"), down=f'op.execute("DROP TABLE {name}_t")')
    seeds = [{"sql": "seed.sql", "fills": [f"{name}_t"]}]
    return Svc(revisions=(made,), models=MODEL.format(name), after=after, more={"seeds": seeds})


@pytest.fixture
def broken(tmp_path: Path, database: Address) -> Iterator[Project]:
    """`bad` cannot be read, env.py of `ill` raises, `needy` needs it; `good` and `fine` are what they should be."""
    with project(tmp_path, database) as mine:
        services = {name: service(name) for name in ("good", "bad", "ill", "fine")}
        services["needy"] = service("needy", after=("ill",))
        build_monorepo(tmp_path, services, url="${THE_URL}", extra={"project": database.database})
        for name in services:
            (tmp_path / "services" / name / "seed.sql").write_text(SEED.format(name))
        ran = mine.invoke("migrate.apply")
        assert ran.code == 0, ran.err
        (tmp_path / "services/bad/alembic/versions/bad1.py").write_text("def (")
        env_py = tmp_path / "services/ill/alembic/env.py"
        env_py.write_text("raise RuntimeError('no settings here')\n" + env_py.read_text())
        yield mine


def answer(ran: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ran.out)
    return document


def test_verify_has_a_row_for_each_and_compares_the_others(broken: Project, database: Address) -> None:
    execute(database, "ALTER TABLE good_t ADD by_hand int")
    ran = broken.invoke("migrate.verify", "--format", "json")
    told = answer(ran)
    found = {row["service"]: row for row in told["services"]}
    assert [len(found[name]["drift"]) for name in ("good", "fine")] == [1, 0]
    assert [found[name]["drift"] for name in ("bad", "ill", "needy")] == [None] * 3
    assert found["bad"]["tampered"] is None
    assert found["fine"]["models"] == []
    assert {error["code"] for error in told["errors"]} >= {"syntax", "environment", "needs_broken", "drift"}
    assert told["result"]["others"] == {}, "what a broken service made is no difference"
    assert ran.code == 1


def test_verify_tells_each_row_as_it_is_known(broken: Project) -> None:
    heard: list[Event] = []
    ws = open_workspace(cwd=broken.root, environ=broken.env, listen=heard.append)
    verify(ws)
    told = [event.subject.rstrip(":") for event in heard if event.step == "verify"]
    assert sorted(told) == ["bad", "fine", "good", "ill", "needy"]
    assert told[0] == "bad", "what cannot be read is told before anything is built"
    assert heard[0].subject == "bad:"
    assert set(told[1:3]) == {"ill", "needy"}
    notes = {event.subject: event.note for event in heard if event.step == "verify"}
    assert notes["fine:"] == "at head, nothing else differs"
    assert notes["ill:"] == "at head, not all of it was compared"


@pytest.mark.parametrize(("name", "code"), [("fine", 0), ("ill", 1), ("bad", 6), ("needy", 1)])
def test_one_service_costs_only_what_it_needs(broken: Project, name: str, code: int) -> None:
    ran = broken.invoke("migrate.verify", "--service", name, "--format", "json")
    assert ran.code == code, ran.err
    assert [row["service"] for row in answer(ran)["services"]] == [name]
    built = {line.split()[2] for line in ran.err.splitlines() if line.strip().startswith("upgrade ")}
    assert "good" not in built | {
        line.split()[1] for line in ran.err.splitlines() if line.strip().startswith("upgrade")
    }


def test_doctor_looks_at_the_others_too(broken: Project, database: Address) -> None:
    execute(database, "ALTER TABLE good_t ADD by_hand int")
    with (broken.root / "services" / "fine" / "models.py").open("a") as models:
        models.write("    more: Mapped[int | None]\n")
    told = answer(broken.invoke("doctor", "--format", "json"))
    found = {(finding["check"], finding["subject"]) for finding in told["result"]["findings"]}
    assert {("broken_history", "bad"), ("environment", "ill"), ("does_not_build", "needy"), ("drift", "good")} <= found
    assert [what for what in found if what[1] in {"fine", "nobody"}] == [("models", "fine")]


def test_owners_look_at_the_models_of_the_others_too(broken: Project) -> None:
    with (broken.root / "services" / "fine" / "models.py").open("a") as models:
        models.write(MODEL.format("x").replace("class T", "class Lost").replace("x_t", "stray"))
    ran = broken.invoke("service.owners", "--format", "json")
    assert ["stray" in model["table"] for model in answer(ran)["result"]["models"]] == [True], ran.err


def test_report_shows_the_rows(broken: Project) -> None:
    ran = broken.invoke("report")
    assert ran.code == 0, ran.err
    page = (broken.root / ".aegisdb" / "report.html").read_text()
    assert "no settings here" in page
    assert "at head" in page


def test_a_roundtrip_of_one_service_needs_no_other_to_be_readable(broken: Project) -> None:
    assert broken.invoke("migrate.roundtrip", "--service", "fine").code == 0
    ran = broken.invoke("migrate.roundtrip", "--all", "--format", "json")
    assert "services" in answer(ran), ran.err
    proofs = {one["service"]: one["revisions"][0]["status"] for one in answer(ran)["services"]}
    assert {name: proofs[name] for name in ("good", "fine")} == {"good": "proven", "fine": "proven"}
    assert "syntax" in {error["code"] for error in answer(ran)["errors"]}


def test_an_unreadable_history_of_another_service_is_a_row_and_no_end(broken: Project) -> None:
    for command in ("migrate.history", "seed.list", "seed.run", "seed.prove"):
        ran = broken.invoke(command, "--format", "json")
        told = answer(ran)
        # seeds run on tables that are there: only what cannot be read is left out
        found = told["services"] if command == "migrate.history" else told["result"]["seeds"]
        assert [row["service"] for row in found] == ["good", "ill", "fine", "needy"], command
        assert ([error["code"] for error in told["errors"]], ran.code) == (["syntax"], 6), command

    later = broken.root / "services/good/alembic/versions/good2.py"
    later.write_text("revision = 'good2'\ndown_revision = 'good1'\ndef upgrade(): pass\ndef downgrade(): pass\n")
    for command in ("migrate.history", "migrate.sql", "seed.run"):
        assert broken.invoke(command, "--service", "fine").code == 0, command
    ran = broken.invoke("seed.run", "--service", "good")
    assert (ran.code, "pending in good (1)" in ran.last) == (6, True), "its own revisions are what it waits for"
    for command in ("migrate.sql", "seed.run"):
        ran = broken.invoke(command, "--service", "bad")
        assert (ran.code, "bad1.py" in ran.last) == (2, True), command


def test_a_reset_names_what_stands_in_the_way_and_goes_on_without(broken: Project, database: Address) -> None:
    ran = broken.invoke("db.reset", "--yes", "--format", "json")
    errors = answer(ran)["errors"]
    assert {"syntax", "broken_services"} <= {error["code"] for error in errors}
    assert "db.reset --without " in errors[-1]["hint"]
    assert rows(database, "SELECT count(*) FROM bad_t") == [(0,)], "the old database is as it was"

    ran = broken.invoke("db.reset", "--yes", "--without", "bad", "--format", "json")
    errors = answer(ran)["errors"]
    assert {"environment", "needs_broken", "broken_services"} <= {error["code"] for error in errors}
    assert "ill,needy" in errors[-1]["hint"]
    assert ran.code == 1
    assert rows(database, "SELECT count(*) FROM bad_t") == [(0,)]

    ran = broken.invoke("db.reset", "--yes", "--without", "bad,ill")
    assert ran.code == 2
    assert "--without bad,ill,needy" in ran.err

    planned = broken.invoke("db.reset", "--yes", "--without", "bad,ill,needy", "--dry-run")
    assert "without bad, ill, needy" in planned.out
    ran = broken.invoke("db.reset", "--yes", "--without", "bad,ill,needy")
    assert ran.code == 0, ran.err
    assert "left out: bad, ill, needy" in ran.out
    there = rows(database, "SELECT relname FROM pg_class WHERE relname LIKE '%\\_t' AND relkind = 'r' ORDER BY 1")
    assert there == [("fine_t",), ("good_t",)]


def test_an_unknown_name_is_a_mistake_of_typing(broken: Project) -> None:
    ran = broken.invoke("db.reset", "--yes", "--without", "fin")
    assert (ran.code, "fine" in ran.err) == (2, True)


def test_what_alembic_alone_refuses_is_no_fault_of_env_py(tmp_path: Path, database: Address) -> None:
    """A colon in an id: older versions of Alembic take it."""
    with project(tmp_path, database) as mine:
        build_monorepo(
            tmp_path, {"good": Svc(revisions=(Rev(id="a:b"),))}, url="${THE_URL}", extra={"project": database.database}
        )
        for command in (("migrate.apply",), ("db.reset",), ("migrate.roundtrip", "--all")):
            ran = mine.invoke(*command)
            assert "Alembic refuses the history: Character(s) ':'" in ran.err, ran.err
            assert "env.py failed" not in ran.err + ran.out
            assert ran.code == {"migrate.apply": 2, "db.reset": 1, "migrate.roundtrip": 6}[command[0]]
