"""Partitions follow their parent: no model is missing, and those that are made at run time are nobody's doing."""

from __future__ import annotations

from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo

MODELS = """
class Event(Base):
    __tablename__ = "shop_events"
    __table_args__ = {"postgresql_partition_by": "RANGE (at)"}
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str | None] = mapped_column(sa.Text, index=True)
"""
UP = """
op.execute("CREATE TABLE shop_events (id bigint, at bigint, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)")
op.execute("CREATE INDEX ix_shop_events_kind ON shop_events (kind)")
op.execute("CREATE TABLE p_first PARTITION OF shop_events FOR VALUES FROM (0) TO (10)")
"""
AT_RUN_TIME = (
    "CREATE TABLE p_second PARTITION OF shop_events FOR VALUES FROM (10) TO (20)",
    "CREATE TABLE p_third PARTITION OF shop_events FOR VALUES FROM (20) TO (30) PARTITION BY LIST (at)",
    "CREATE TABLE p_third_a PARTITION OF p_third FOR VALUES IN (21)",
)


def test_partitions_made_at_run_time_are_no_drift(database: Address, tmp_path: Path) -> None:
    revisions = (Rev(id="s1", up=UP, down='op.drop_table("shop_events")'),)
    # no pattern names the partitions: they are their parent's
    shop = Svc(revisions=revisions, models=MODELS, owns=("shop_events",))
    root = build_monorepo(tmp_path, {"shop": shop}, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    with psycopg.connect(database.url(), autocommit=True) as conn:
        for statement in AT_RUN_TIME:
            conn.execute(statement.encode())
    verified = invoke("migrate.verify", cwd=root)
    assert verified.code == 0, verified.err
    assert invoke("service.owners", cwd=root).code == 0
    examined = invoke("doctor", "--format", "json", cwd=root)
    assert {f["check"] for f in examined.json["result"]["findings"]} & {"drift", "unowned", "models"} == set()
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("DROP TABLE p_first")
        conn.execute("CREATE INDEX by_hand ON shop_events (at)")
    drifted = invoke("migrate.verify", cwd=root)
    assert drifted.code == 6
    # what a revision made is missed, and what hangs on the parent counts, though not once more for each partition
    assert "removed table public.p_first" in drifted.out
    assert drifted.out.count("added index") == 1
