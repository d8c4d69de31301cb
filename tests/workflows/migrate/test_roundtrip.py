"""Fault 20 and the roundtrip proof (docs/design.md): what a roundtrip finds, in one run over a monorepo full of mistakes."""

# ruff: noqa: E501, S608  a revision reads best on one line; the SQL is ours
from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.progress import Event
from aegisdb.workflows.migrate.roundtrip import roundtrip
from aegisdb.workspace import open_workspace
from tests.invoke import Ran, command, environment, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import TestServer


def sql(*statements: str) -> str:
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


CONCURRENTLY = "with op.get_context().autocommit_block():\n    op.execute({!r})"
BROKEN = (
    Rev(id="b01", up=table("broken_t", "name text DEFAULT 'x'", "owner_id bigint REFERENCES owner_t"), down=sql("DROP TABLE broken_t")),
    Rev(id="b02", up=sql("ALTER TABLE broken_t ALTER name SET DEFAULT 'y'"), down="pass"),
    Rev(id="b03", up=sql("COMMENT ON TABLE broken_t IS 'one'"), down="pass"),
    Rev(id="b04", up=sql("CREATE INDEX broken_ix ON broken_t (name) WITH (fillfactor = 70)"), down=sql("DROP INDEX broken_ix")),
    Rev(id="b05", up=sql("DROP INDEX broken_ix"), down=sql("CREATE INDEX broken_ix ON broken_t (name)")),
    Rev(id="b06", up=sql("GRANT SELECT ON broken_t TO PUBLIC"), down="pass"),
    Rev(
        id="b07",
        up=sql(
            "CREATE FUNCTION broken_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
            "CREATE TRIGGER broken_g BEFORE UPDATE ON broken_t FOR EACH ROW EXECUTE FUNCTION broken_f()",
        ),
        down=sql("DROP TRIGGER broken_g ON broken_t", "DROP FUNCTION broken_f()"),
    ),
    Rev(id="b08", up=sql("ALTER TABLE broken_t DISABLE TRIGGER broken_g"), down="pass"),
    Rev(id="b09", up=table("broken_u"), down="pass"),
    Rev(id="b10", up=sql("ALTER TABLE owner_t ADD COLUMN b10 int"), down=sql("ALTER TABLE owner_t DROP COLUMN b10")),
    Rev(id="b11", up=sql("ALTER TABLE base_t ADD COLUMN b11 int"), down=sql("ALTER TABLE base_t DROP COLUMN b11")),
    Rev(id="b12", up=sql("ALTER TABLE broken_t ADD COLUMN c int"), down=sql("SELECT 1 / 0")),
    Rev(id="b13", up=sql("UPDATE broken_t SET name = lower(name)"), down="raise NotImplementedError", head='one_way = "case is lost"'),
    Rev(
        id="b14",
        up=CONCURRENTLY.format("CREATE INDEX CONCURRENTLY broken_cx ON broken_t (c)"),
        down=CONCURRENTLY.format("DROP INDEX CONCURRENTLY broken_cx"),
    ),
    Rev(id="b15", up=sql("ALTER TABLE broken_t DROP COLUMN name"), down=sql("ALTER TABLE broken_t ADD name text DEFAULT 'y'")),
    Rev(id="b16", up=sql("CREATE TYPE broken_e AS ENUM ('a')", "ALTER TABLE broken_t ADD e broken_e"), down=sql("ALTER TABLE broken_t DROP e", "DROP TYPE broken_e")),
)  # fmt: skip
OWNER = Svc(revisions=(Rev(id="o1", up=table("owner_t"), down=sql("DROP TABLE owner_t")),))


def databases(address: Address) -> list[str]:
    with psycopg.connect(address.with_database("postgres").url()) as conn:
        like = f"{address.database}\\_\\_scratch\\_%"
        return [row[0] for row in conn.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (like,))]


def tables(address: Address) -> list[str]:
    with psycopg.connect(address.url()) as conn:
        return [
            row[0] for row in conn.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        ]


@pytest.fixture(scope="module")
def live(server: TestServer) -> Iterator[Address]:
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS roundtrip_live WITH (FORCE)")
        conn.execute("CREATE DATABASE roundtrip_live")
    yield server.address.with_database("roundtrip_live")
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute("DROP DATABASE roundtrip_live WITH (FORCE)")


@pytest.fixture(scope="module")
def ran(live: Address, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = build_monorepo(
        tmp_path_factory.mktemp("broken"),
        {"owner": OWNER, "broken": Svc(revisions=BROKEN)},
        url=live.url(),
        init={"init.sql": "CREATE TABLE base_t (id bigint PRIMARY KEY);"},
    )
    return invoke("migrate.roundtrip", "--all", "--format", "json", cwd=root)


def proof(ran: Ran, revision: str) -> dict[str, Any]:
    return next(p for s in ran.json["services"] for p in s["revisions"] if p["revision"] == revision)


def test_a_broken_history_is_exit_6_naming_service_revision_and_object(ran: Ran) -> None:
    assert ran.code == 6
    assert any(
        "broken b02: downgrade does not restore: changed column public.broken_t.name" in e["message"]
        for e in ran.json["errors"]
    )


@pytest.mark.parametrize(
    ("revision", "code", "line"),
    [
        ("b02", "not_restored", "changed column public.broken_t.name: default 'x'::text -> default 'y'::text"),
        ("b03", "left_behind", "added comment on table public.broken_t: 'one'"),
        ("b05", "not_restored", "changed index public.broken_ix: CREATE INDEX broken_ix ON public.broken_t USING btree (name) WITH (fillfactor='70')"),
        ("b06", "left_behind", "added grants on table public.broken_t: "),
        ("b08", "not_restored", "changed trigger public.broken_t.broken_g: nothing -> disabled"),
        ("b09", "left_behind", "added table public.broken_u"),
    ],
)  # fmt: skip
def test_what_a_downgrade_forgets_is_told_with_the_line_of_difference(
    ran: Ran, revision: str, code: str, line: str
) -> None:
    found = proof(ran, revision)["findings"]
    assert [f["code"] for f in found if f["detail"].startswith(line)] == [code]


@pytest.mark.parametrize(("revision", "owner"), [("b10", "owner"), ("b11", "base")])
def test_objects_of_others_are_told_with_their_owner(ran: Ran, revision: str, owner: str) -> None:
    found = proof(ran, revision)["findings"]
    assert [(f["code"], f["owner"]) for f in found] == [("foreign_object", owner)]


def test_a_downgrade_that_fails_does_not_keep_the_rest_from_being_proven(ran: Ran) -> None:
    assert [f["code"] for f in proof(ran, "b12")["findings"]] == ["downgrade_failed"]
    assert proof(ran, "b14")["status"] == "proven"


def test_one_way_is_told_and_is_no_fault(ran: Ran) -> None:
    found = proof(ran, "b13")
    assert (found["status"], found["findings"], found["notes"]) == ("one way", [], ["one way: case is lost"])


@pytest.mark.parametrize("revision", ["o1", "b01", "b04", "b07", "b14", "b16"])
def test_clean_revisions_are_proven(ran: Ran, revision: str) -> None:
    assert proof(ran, revision)["status"] == "proven"


def test_a_column_that_comes_back_last_is_a_remark(ran: Ran) -> None:
    found = proof(ran, "b15")
    assert found["findings"] == []
    assert found["notes"][0].startswith("column order public.broken_t: a column that comes back comes last")


def test_the_live_database_is_not_touched_and_nothing_is_left(ran: Ran, live: Address) -> None:
    assert ran.code == 6
    assert tables(live) == []
    assert databases(live) == []


SEEDED = Svc(
    revisions=(
        Rev(id="s1", up=table("seeded_t", "name text"), down=sql("DROP TABLE seeded_t")),
        Rev(id="s2", up="pass", down=sql("DELETE FROM seeded_t WHERE id > 1")),
        Rev(id="s3", up=sql("ALTER TABLE seeded_t ADD c int NOT NULL"), down=sql("ALTER TABLE seeded_t DROP c")),
        Rev(
            id="s4",
            up=sql("ALTER TABLE seeded_t ADD d int, ADD note text"),
            down=sql("ALTER TABLE seeded_t DROP d, DROP note"),
        ),
    ),
    more={"seeds": [{"sql": "seed.sql", "fills": ["seeded_t"]}]},
)


def seeded(root: Path, url: str, service: Svc, columns: str, values: str) -> Path:
    build_monorepo(root, {"seeded": service}, url=url)
    seed = f"INSERT INTO seeded_t ({columns}) SELECT {values} FROM generate_series(1, 3) g;"
    (root / "services/seeded/seed.sql").write_text(seed)
    return root


def test_full_tables_find_what_empty_ones_hide(database: Address, tmp_path: Path) -> None:
    root = seeded(tmp_path, database.url(), SEEDED, "id, c, d", "g, g, g")
    empty = invoke("migrate.roundtrip", "--all", "--format", "json", cwd=root)
    assert empty.code == 0, empty.err
    full = invoke("migrate.roundtrip", "--all", "--with-data", "--format", "json", cwd=root)
    assert full.code == 6
    assert proof(full, "s4")["status"] == "proven"
    # three values of d and none of note: what a downgrade drops is told, but no fault
    assert proof(full, "s4")["values_lost"] == {"public.seeded_t.d": 3}
    found = proof(full, "s3")["findings"]
    assert found[0]["code"] == "data_upgrade_failed"
    assert 'column "c" of relation "seeded_t" contains null values' in found[0]["detail"]
    assert proof(full, "s2")["notes"] == ["with data: not reached, s3 above it is not reverted"]


def test_seeds_that_do_not_fit_yet_fill_the_tables_below(database: Address, tmp_path: Path) -> None:
    filler = Svc(
        revisions=(Rev(id="f1", up=table("filler_t"), down='op.drop_table("filler_t")'),),
        more={"seeds": [{"sql": "seed.sql", "fills": ["seeded_t"]}], "after": ["seeded"]},
    )
    unfilled = 'op.add_column("seeded_t", sa.Column("e", sa.Text, nullable=False))'
    revisions = (SEEDED.revisions[0], Rev(id="s2", up=unfilled, down='op.drop_column("seeded_t", "e")'))
    services = {"seeded": Svc(revisions=revisions), "filler": filler}
    root = build_monorepo(tmp_path, services, url=database.url())
    (root / "services/filler/seed.sql").write_text("INSERT INTO seeded_t (id) VALUES (1), (2);\n")
    last = ("migrate.roundtrip", "--last", "1", "--with-data", "--format", "json")
    # rows of a service's tables may come from seeds of another one
    for words in (("--service", "seeded"), ()):
        ran = invoke(*last, *words, cwd=root)
        assert ran.code == 6, ran.err
        found = proof(ran, "s2")["findings"]
        assert found[0]["code"] == "data_upgrade_failed"
        assert 'column "e" of relation "seeded_t" contains null values' in found[0]["detail"]
    path = root / "services/seeded/alembic/versions/s2.py"
    path.write_text(path.read_text().replace("nullable=False", 'nullable=False, server_default="x"'))
    assert invoke(*last, cwd=root).code == 0


def test_rows_that_do_not_come_back_are_counted_by_table(database: Address, tmp_path: Path) -> None:
    revisions = SEEDED.revisions[:2]
    service = Svc(revisions=revisions, more=SEEDED.more)
    root = seeded(tmp_path, database.url(), service, "id", "g")
    ran = invoke("migrate.roundtrip", "--all", "--with-data", "--format", "json", cwd=root)
    assert ran.code == 6
    assert proof(ran, "s2")["findings"][0]["detail"] == "public.seeded_t: 3 rows, 1 after"
    # a table that the downgrade drops takes its rows along: told, but no fault
    assert (proof(ran, "s1")["rows_lost"], proof(ran, "s1")["findings"]) == ({"public.seeded_t": 1}, [])


def test_scope(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(tmp_path, {"owner": OWNER, "seeded": Svc(revisions=SEEDED.revisions[:2])}, url=database.url())

    def proven(*flags: str) -> list[str]:
        found = invoke("migrate.roundtrip", "--format", "json", *flags, cwd=root).json["services"]
        return [p["revision"] for s in found for p in s["revisions"]]

    assert proven("--last", "1") == ["o1", "s2"]
    assert proven("--service", "seeded", "--all") == ["s1", "s2"]
    assert invoke("migrate.apply", "--service", "owner", cwd=root).code == 0
    assert proven() == proven("--pending") == ["s1", "s2"]
    assert proven("--service", "seeded") == ["s1", "s2"]
    assert invoke("migrate.apply", cwd=root).code == 0
    assert (proven("--pending"), proven(), proven("--service", "seeded")) == ([], ["o1", "s2"], ["s1", "s2"])
    assert invoke("migrate.roundtrip", "--all", "--last", "2", cwd=root).code == 2


def test_a_long_history_is_proven_in_parts_and_gives_what_one_piece_gives(
    database: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Rev(id="b17", up=sql("ALTER TABLE nowhere ADD x int"), down="pass")
    root = build_monorepo(
        tmp_path,
        {"owner": OWNER, "broken": Svc(revisions=(*BROKEN, gone, Rev(id="b18")))},
        init={"base.sql": "CREATE TABLE base_t (id int PRIMARY KEY);"},
        url=database.url(),
    )
    found = []
    for cores in (1, 2, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        events: list[Event] = []
        ws = open_workspace(cwd=root, environ={}, listen=events.append)
        (service,) = roundtrip(ws, service="broken", all=True).services
        assert len({event.note for event in events if event.step == "scratch database"}) >= cores
        found.append([replace(proof, up_seconds=0, down_seconds=0) for proof in service.revisions])
    assert found[0] == found[1] == found[2]
    assert [proof.status for proof in found[0][-2:]] == ["failed", "not reached"]


def test_a_table_of_another_service_that_cannot_even_be_dropped_is_named_with_its_owner(
    database: Address, tmp_path: Path
) -> None:
    services = {
        "owner": Svc(
            revisions=(Rev(id="o1", up=table("owner_t") + "\n" + table("owner_u", "t bigint REFERENCES owner_t")),)
        ),
        "thief": Svc(revisions=(Rev(id="t1", up='op.drop_table("owner_t")'),), after=("owner",)),
    }
    root = build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.roundtrip", "--service", "thief", "--format", "json", cwd=root)
    assert ran.code == 6
    assert [(f["code"], f["owner"], f["detail"]) for f in proof(ran, "t1")["findings"][1:]] == [
        ("foreign_object", "owner", "drop table owner_t")
    ]
    failed = proof(ran, "t1")["findings"][0]
    assert failed["code"] == "upgrade_failed"
    assert "constraint owner_u_t_fkey on table owner_u depends on table owner_t" in failed["detail"]
    # what the server would advise takes the other service's objects along
    applied = invoke("migrate.apply", cwd=root)
    assert applied.code == 1
    assert "CASCADE would take that along" in applied.last


def test_a_service_that_needs_a_broken_one_is_not_reached_and_the_others_are_proven(
    database: Address, tmp_path: Path
) -> None:
    services = {
        "bad": Svc(revisions=(Rev(id="x1", up=sql("SELECT 1 / 0")), Rev(id="x2"))),
        "needy": Svc(revisions=(Rev(id="y1"), Rev(id="y2")), after=("bad",)),
        "owner": OWNER,
    }
    ran = invoke(
        "migrate.roundtrip", "--all", "--format", "json", cwd=build_monorepo(tmp_path, services, url=database.url())
    )
    assert ran.code == 6
    found = {
        r: (proof(ran, r)["status"], [f["code"] for f in proof(ran, r)["findings"]])
        for r in ("x1", "x2", "y1", "y2", "o1")
    }
    assert found == {
        "x1": ("failed", ["upgrade_failed"]),
        "x2": ("not reached", []),
        "y1": ("not reached", ["needs_failed"]),
        "y2": ("not reached", []),
        "o1": ("proven", []),
    }
    assert "division by zero" in proof(ran, "y1")["findings"][0]["detail"]


def test_ctrl_c_leaves_no_scratch_database(database: Address, tmp_path: Path) -> None:
    slow = Svc(revisions=(Rev(id="w1", up=sql("SELECT pg_sleep(600)")),))
    root = build_monorepo(tmp_path, {"owner": OWNER, "slow": slow}, url=database.url())
    argv = command("migrate.roundtrip", "--all")
    running = subprocess.Popen(argv, cwd=root, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(600)%%' AND pid <> pg_backend_pid() AND state = 'active' AND datname LIKE %s"
    with psycopg.connect(database.with_database("postgres").url(), autocommit=True) as conn:

        def count() -> int:
            row = conn.execute(sleeping, (f"{database.database}%",)).fetchone()
            return int(row[0]) if row else 0

        deadline = time.monotonic() + 120
        while not count() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert count() == 1
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=120) == 130
        assert count() == 0
    assert databases(database) == []
