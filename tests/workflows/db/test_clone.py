"""db.clone and db.env: a database of one's own, and the variables that lead there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.servers.wheels import server_directory
from tests.workflows.project import Project, project


def exists(shop: Project, name: str) -> bool:
    with databases.maintenance(shop.address) as conn:
        return databases.exists(conn, name)


def name_of(url: str) -> str:
    return Address.from_url(url).database


def test_a_clone_is_at_head_and_the_targets_database_is_untouched(shop: Project) -> None:
    shop.write("mine")
    ran = shop.invoke("db.clone")
    assert ran.code == 0, ran.err
    url = ran.out.strip()
    assert "\n" not in url
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT text FROM notes").fetchall() == [("fresh",)]
        assert conn.execute("SELECT version_num FROM alembic_version_shop").fetchall() == [("a2",)]
        assert conn.execute("SELECT * FROM shop_items").fetchall() == []
    assert shop.text() == "mine"
    dropped = shop.invoke("db.clone", "--drop", url)
    assert (dropped.code, dropped.out.strip()) == (0, f"dropped {name_of(url)}")
    assert not exists(shop, name_of(url))
    again = shop.invoke("db.clone", "--drop", url, "--format", "json")
    assert (again.code, again.json["result"]["dropped"]) == (0, False)


def test_seeds_on_request_and_the_next_one_is_only_copied(shop: Project) -> None:
    first = shop.invoke("db.clone", "--seeds", "--format", "json").json["result"]
    with psycopg.connect(first["url"]) as conn:
        assert len(conn.execute("SELECT * FROM shop_items").fetchall()) == 2
    second = shop.invoke("db.clone", "--seeds")
    assert "template" not in second.err
    assert name_of(second.out.strip()) != first["database"]
    safe = shop.invoke("db.clone", "--safe")
    assert safe.out.startswith(f"postgresql://{shop.address.user}:***@")


def test_a_clone_may_be_destroyed_by_its_own_url(shop: Project) -> None:
    url = shop.invoke("db.clone").out.strip()
    ran = shop.invoke("db.reset", env={"DATABASE_URL": url})
    assert ran.code == 0, ran.err


def test_sessions_on_it_do_not_keep_a_named_one_but_one_of_all(shop: Project) -> None:
    used, free = (shop.invoke("db.clone").out.strip() for _ in range(2))
    with psycopg.connect(used):
        assert {row["name"] for row in listed(shop)} >= {name_of(used), name_of(free)}
        ran = shop.invoke("db.cache", "--drop")
        assert ran.code == 0, ran.err
        assert name_of(free) in ran.out
        assert name_of(used) not in ran.out
        assert [row["name"] for row in listed(shop)] == [name_of(used)]
        assert shop.invoke("db.clone", "--drop", name_of(used)).code == 0
    assert listed(shop) == []


def listed(shop: Project) -> list[dict[str, str]]:
    found: list[dict[str, str]] = shop.invoke("db.cache", "--format", "json").json["result"]["databases"]
    return found


def test_only_clones_are_dropped(shop: Project) -> None:
    for which in (shop.address.database, shop.address.url(), "postgres"):
        ran = shop.invoke("db.clone", "--drop", which)
        assert ran.code == 3, ran.err
        assert "error[not_ours]" in ran.err
    elsewhere = shop.address.url().replace(f":{shop.address.port}/", ":1/")
    ran = shop.invoke("db.clone", "--drop", elsewhere)
    assert ran.code == 3
    assert "is not on the server of target" in ran.err
    assert exists(shop, shop.address.database)


def test_a_snapshot_with_a_clones_name_is_none(shop: Project) -> None:
    """The name alone proves nothing: the marker is bound to the database that it was written on."""
    url = shop.invoke("db.clone").out.strip()
    copy = f"{shop.address.database}__clone_000000000000"
    with databases.maintenance(shop.address) as conn:
        conn.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name_of(url)}"')
        comment = conn.value(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name_of(url),)
        )
        conn.execute(f"COMMENT ON DATABASE \"{copy}\" IS '{comment}'")
    assert shop.invoke("db.clone", "--drop", copy).code == 3
    assert copy not in {row["name"] for row in listed(shop)}


@pytest.mark.parametrize("why", ["shared", "protected", "production"])
def test_refused_where_nothing_proves_the_server(tmp_path: Path, database: Address, why: str) -> None:
    with project(tmp_path, database, kind=None if why == "shared" else "test") as shop:
        if why == "protected":
            shop.set_target(protected=True)
        if why == "production":
            with connect(shop.address) as conn:
                conn.execute(f"ALTER DATABASE \"{database.database}\" SET aegisdb.environment = 'production'")
        before = shop.databases()
        ran = shop.invoke("db.clone")
        assert ran.code == 3, ran.err
        assert f"error[{why}]" in ran.err
        assert shop.databases() == before


def test_the_allow_list_lets_clones_be_made_and_asks_nobody(tmp_path: Path, database: Address) -> None:
    with project(tmp_path, database, kind=None) as shop:
        refused = shop.invoke("db.clone").err
        line = refused.partition("put the line `")[2].partition("`")[0]
        (shop.root / ".aegisdb").mkdir(exist_ok=True)
        (shop.root / ".aegisdb" / "allow-destroy").write_text(line + "\n")
        assert shop.invoke("db.clone").code == 0


def test_a_server_without_the_database_is_ours_to_fill(tmp_path: Path, database: Address) -> None:
    with project(tmp_path, database, kind=None) as shop:
        with databases.maintenance(shop.address) as conn:
            databases.drop(conn, database.database)
        ran = shop.invoke("db.clone")
        assert ran.code == 0, ran.err
        assert not exists(shop, database.database)


def test_doctor_tells_of_a_clone_and_its_command_drops_it(shop: Project) -> None:
    assert shop.invoke("db.reset").code == 0
    name = name_of(shop.invoke("db.clone").out.strip())
    ran = shop.invoke("doctor", "--format", "json")
    found = [one for one in ran.json["result"]["findings"] if one["check"] == "clone"]
    assert [one["subject"] for one in found] == [name]
    assert "db.clone" in found[0]["what"]
    assert "clone" not in {error["code"] for error in ran.json["errors"]}
    assert shop.invoke(*found[0]["command"].partition(",")[0].split()[1:]).code == 0
    assert not exists(shop, name)


def test_the_environment_leads_a_shell_to_the_database(shop: Project) -> None:
    printed = shop.invoke("db.env").out
    psql = (server_directory() or Path("/usr/bin")) / "psql"
    script = f'{printed}\n"{psql}" -XAt "$DATABASE_URL" -c "SELECT current_database()"\necho "$AEGIS_TARGET"'
    done = subprocess.run(["sh", "-c", script], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [shop.address.database, "local"]


def test_the_environment_in_other_forms(shop: Project) -> None:
    dotenv = dict(line.split("=", 1) for line in shop.invoke("db.env", "--format", "dotenv").out.split())
    assert dotenv == {"DATABASE_URL": shop.address.url(), "AEGIS_TARGET": "local"}
    assert shop.invoke("db.env", "--format", "json").json["result"]["variables"] == dotenv
    assert shop.address.masked in shop.invoke("db.env", "--safe").out
    ran = shop.invoke("db.env", "--format", "xml")
    assert ran.code == 2
    assert "dotenv" in ran.err
    assert json.loads(shop.invoke("db.url", "--format", "json").out)["ok"]
    assert shop.invoke("db.url", "--format", "dotenv").code == 2


def test_with_the_environment_set_tasks_stay_at_the_target(shop: Project) -> None:
    """DATABASE_URL alone would make a target of its own, on which nothing is proven."""
    dotenv = dict(line.split("=", 1) for line in shop.invoke("db.env", "--format", "dotenv").out.split())
    ran = shop.invoke("db.status", "--format", "json", env=dotenv)
    assert ran.json["target"] == "local"
