"""Faults 16, 21, 29 and 30: what `migrate.verify` sees in a live database, through the real command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

MODELS = """
class Thing(Base):
    __tablename__ = "alpha_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(sa.Text)
"""
ALPHA = Svc(
    revisions=(
        Rev(id="a1", up=table("alpha_t", "name text"), down='op.drop_table("alpha_t")'),
        Rev(
            id="a2",
            up='op.execute("CREATE INDEX alpha_ix ON alpha_t (name)")  # a comment',
            down='op.execute("DROP INDEX alpha_ix")',
        ),
    ),
    models=MODELS + '    __table_args__ = (sa.Index("alpha_ix", "name"),)\n',
)
BETA = Svc(
    revisions=(
        Rev(
            id="b1",
            up=table("beta_t", "alpha_id bigint CONSTRAINT beta_fk REFERENCES alpha_t"),
            down='op.drop_table("beta_t")',
        ),
    ),
    after=("alpha",),
    models="""
class Alpha(Base):
    __tablename__ = "alpha_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class Other(Base):
    __tablename__ = "beta_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    alpha_id: Mapped[int | None] = mapped_column(sa.ForeignKey("alpha_t.id", name="beta_fk"))
""",
)


@pytest.fixture
def monorepo(database: Address, tmp_path: Path) -> Path:
    """Two services at head in a live database."""
    init = {"init.sql": "CREATE TABLE base_t (id bigint PRIMARY KEY);"}
    root = build_monorepo(tmp_path, {"alpha": ALPHA, "beta": BETA}, url=database.url(), init=init)
    with psycopg.connect(database.url()) as conn:
        conn.execute("CREATE TABLE base_t (id bigint PRIMARY KEY)")
    applied = invoke("migrate.apply", cwd=root)
    assert applied.code == 0, applied.err
    return root


@pytest.fixture
def live(database: Address) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        yield conn


def verify(root: Path) -> Ran:
    return invoke("migrate.verify", "--format", "json", cwd=root)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def found(ran: Ran) -> list[tuple[str, str]]:
    return sorted((error["code"], error["message"]) for error in ran.json["errors"])


def test_everything_as_it_should_be_is_exit_0_with_one_row_a_service(monorepo: Path) -> None:
    ran = verify(monorepo)
    assert ran.code == 0, ran.err
    assert [(s["service"], s["state"], s["models"], s["drift"]) for s in ran.json["services"]] == [
        ("alpha", "at head", [], []),
        ("beta", "at head", [], []),
    ]


def test_a_service_without_models_is_told_as_not_compared(monorepo: Path) -> None:
    env = monorepo / "services/beta/alembic/env.py"
    env.write_text(env.read_text().replace("target_metadata=models.Base.metadata", "target_metadata=None"))
    ran = verify(monorepo)
    assert ran.code == 0, ran.err
    assert [(s["service"], s["models"], s["has_models"]) for s in ran.json["services"]] == [
        ("alpha", [], True),
        ("beta", None, False),
    ]
    shown = invoke("migrate.verify", cwd=monorepo).out
    assert "\nhistories and the live schema are one, and so are the models of alpha\n" in shown
    assert "models were not compared: env.py gives Alembic no target_metadata: beta;" in shown
    new = invoke("migrate.new", "--service", "beta", "-m", "x", cwd=monorepo)
    assert new.code == 2
    assert "error[no_metadata]" in new.err
    assert "invoke doctor proposes the lines" in new.err


def test_what_was_done_by_hand_is_told_by_owner_and_nothing_proposes_to_drop_it(
    monorepo: Path, live: psycopg.Connection[Any]
) -> None:
    live.execute("CREATE TABLE by_hand (id int)")
    live.execute("ALTER TABLE alpha_t ALTER name SET DEFAULT 'x'")
    live.execute("ALTER TABLE base_t ADD note text")
    live.execute("CREATE UNIQUE INDEX beta_ix ON beta_t (alpha_id)")
    live.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'alpha_ix'::regclass")
    live.execute("ALTER TABLE beta_t DROP CONSTRAINT beta_fk")
    ran = verify(monorepo)
    assert ran.code == 6
    assert found(ran) == sorted(
        [
            (
                "foreign_key",
                (
                    "beta: constraint public.beta_t.beta_fk to public.alpha_t of alpha is gone: "
                    "FOREIGN KEY (alpha_id) REFERENCES public.alpha_t(id)"
                ),
            ),
            ("invalid_index", "index public.alpha_ix is INVALID: a CREATE INDEX CONCURRENTLY did not finish"),
            ("drift", "alpha: changed column public.alpha_t.name: nothing -> default 'x'::text"),
            (
                "drift",
                "beta: added index public.beta_ix: CREATE UNIQUE INDEX beta_ix ON public.beta_t USING btree (alpha_id)",
            ),
            ("drift", "nobody: added table public.by_hand: owner aegis"),
            ("base_schema", "base: added column public.base_t.note: text"),
        ]
    )
    text = invoke("migrate.verify", cwd=monorepo)
    assert "DROP TABLE" not in (text.out + text.err).upper()
    assert "drop_table" not in text.out + text.err
    drafted = invoke("migrate.new", "--service", "alpha", "-m", "x", cwd=monorepo)
    assert "by_hand" not in drafted.out


def test_fault_30_a_table_by_hand_that_a_pattern_fits_is_not_proposed_for_a_drop(
    monorepo: Path, database: Address
) -> None:
    with psycopg.connect(database.url()) as conn:
        conn.execute("CREATE TABLE alpha_hand (id int)")
    ran = verify(monorepo)
    assert ran.code == 6
    assert found(ran) == [("drift", "alpha: added table public.alpha_hand: owner aegis")]
    drafted = invoke("migrate.new", "--service", "alpha", "-m", "x", cwd=monorepo)
    assert drafted.code == 0, drafted.err
    assert "models and history agree" in drafted.out


def test_an_edited_applied_revision_is_tampered_but_not_its_comments(monorepo: Path) -> None:
    home = monorepo / "services/alpha"
    file = home / "alembic/versions/a2.py"
    file.write_text(file.read_text().replace("# a comment", "# another one") + "\n# and more\n")
    assert verify(monorepo).code == 0
    write_revision(home, Rev(id="a2", up='op.execute("CREATE INDEX alpha_ix ON alpha_t (id)")'), "a1")
    ran = verify(monorepo)
    assert ran.code == 6
    assert ("tampered", "alpha: the code of a2 is not what was applied") in found(ran)
    assert ran.json["services"][0]["tampered"] == ["a2"]


def test_cascade_through_another_service_is_a_lost_foreign_key(monorepo: Path, live: psycopg.Connection[Any]) -> None:
    # a later revision of alpha replaces its table with CASCADE: built from nothing, beta's key would be there
    replace = (
        'op.execute("ALTER TABLE alpha_t DROP CONSTRAINT alpha_t_pkey CASCADE")',
        'op.execute("ALTER TABLE alpha_t ADD PRIMARY KEY (id)")',
    )
    later = Rev(id="a3", up="\n".join(replace))
    write_revision(monorepo / "services/alpha", later, "a2")
    assert invoke("migrate.apply", cwd=monorepo).code == 0
    ran = verify(monorepo)
    assert ran.code == 6
    ((code, message),) = found(ran)
    assert code == "foreign_key"
    assert message.startswith("beta: constraint public.beta_t.beta_fk to public.alpha_t of alpha is gone")
    assert live.execute("SELECT count(*) FROM pg_constraint WHERE conname = 'beta_fk'").fetchone() == (0,)


def test_pending_files_are_pending_and_no_drift(monorepo: Path) -> None:
    write_revision(monorepo / "services/alpha", Rev(id="a3", up='op.execute("ALTER TABLE alpha_t ADD z int")'), "a2")
    append(monorepo / "services/alpha/models.py", "    z: Mapped[int | None]\n")
    ran = verify(monorepo)
    assert found(ran) == [("pending", "alpha has 1 pending revision")]
    assert ran.code == 6


def test_a_model_without_a_revision_is_told(monorepo: Path) -> None:
    append(monorepo / "services/beta/models.py", "    extra: Mapped[int | None]\n")
    ran = verify(monorepo)
    assert [code for code, _ in found(ran)] == ["models"]
    assert "extra" in found(ran)[0][1]
