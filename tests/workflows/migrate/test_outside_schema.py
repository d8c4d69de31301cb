"""What a service with a schema makes outside of it is named, whoever makes it: env.py, a revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import ASYNC, Rev, Svc, build_monorepo, table
from tests.running import rows

RAW = ASYNC.replace(
    "async def online():",
    """async def by_itself():
    import asyncpg

    conn = await asyncpg.connect(config.get_main_option("sqlalchemy.url").replace("+asyncpg", ""))
    await conn.execute("CREATE TABLE IF NOT EXISTS public.by_raw (id int)")
    await conn.close()


asyncio.run(by_itself())


async def online():""",
)


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """Both make a table by a name with another schema: `raw` in a connection of env.py's own, `out` in a revision."""
    stray = Rev(
        id="o2", up='op.execute("CREATE TABLE public.stray (id int)")', down='op.execute("DROP TABLE public.stray")'
    )
    made = {
        name: Rev(id=f"{name[0]}1", up=table(f"{name}_t"), down=f'op.execute("DROP TABLE {name}_t")')
        for name in ("raw", "out")
    }
    services = {
        "raw": Svc(revisions=(made["raw"],), schema="raw", env=RAW, owns=(), alembic={"driver": "asyncpg"}),
        "out": Svc(revisions=(made["out"], stray), schema="own", owns=()),
    }
    build_monorepo(tmp_path, services, url=database.url(), extra={"project": database.database})
    return tmp_path


def test_the_proof_names_it(root: Path) -> None:
    ran = invoke("migrate.roundtrip", "--all", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err  # no finding: what env.py makes is not for a downgrade to drop
    notes = {proof["revision"]: proof["notes"] for one in ran.json["services"] for proof in one["revisions"]}
    told = "made outside of the schema {}: no service owns table public.{}: add it to `owns` of {}"
    assert notes == {
        "r1": [told.format("raw", "by_raw", "raw")],
        "o1": [],
        "o2": [told.format("own", "stray", "out")],
    }


def test_doctor_and_reset_say_whose_it_is(root: Path, database: Address) -> None:
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    ran = invoke("db.reset", "--yes", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    tables = {made["name"]: made["what"] for made in ran.json["result"]["made"] if made["kind"] == "tables"}
    assert tables == {"raw": "1: raw.raw_t", "out": "1: own.out_t", "no service": "2: by_raw, stray"}
    assert rows(database, "SELECT count(*) FROM public.stray") == [(0,)]

    findings = invoke("doctor", "--format", "json", cwd=root, timeout=240).json["result"]["findings"]
    found = {finding["subject"]: finding for finding in findings}
    assert not [finding for finding in findings if finding["check"] == "environment"], "env.py runs"
    for name, service, place in (("by_raw", "raw", "env.py"), ("stray", "out", "o2.py")):
        finding = found[f"table public.{name}"]
        assert finding["evidence"] == [f"named in {place}"]
        assert finding["command"] == f"add `public.{name}` to `owns` of {service} in services.yaml"
        assert finding["cause"].startswith(f"it lies outside of the schema of {service}, and `owns`")
