"""service.add: a service on which everything works at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegisdb.errors import AegisError, UsageError
from aegisdb.postgres.address import Address
from aegisdb.workflows.service.add import service_add
from aegisdb.workspace import open_workspace
from tests.invoke import environment, invoke
from tests.registry.registries import SOUND, write


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A registry without services, under git so that what changed can be seen."""
    (tmp_path / "services.yaml").write_text(
        "# keep me\n" + SOUND[: SOUND.index("services:")] + "\nservices: # all\n"
        "  # the shop\n  shop:\n    path: shop\n    owns: [orders]  # only these\n"
    )
    (tmp_path / "shop").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    return tmp_path


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True).stdout


def alembic(directory: Path, database: Address, *words: str) -> str:
    """Plain `alembic` in the service's folder."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=directory,
        env=environment({"DATABASE_URL": database.url()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_git_shows_only_the_new_entry_and_the_new_directory(repository: Path) -> None:
    assert invoke("service.add", "billing", cwd=repository).code == 0
    assert git(repository, "diff", "--numstat").split() == ["5", "0", "services.yaml"]
    assert git(repository, "status", "--short").split() == ["M", "services.yaml", "??", "billing/"]


@pytest.mark.parametrize("flags", [(), ("--sync",)])
def test_the_suite_and_plain_alembic_work_on_it_at_once(
    repository: Path, database: Address, flags: tuple[str, ...]
) -> None:
    env = {"DATABASE_URL": database.url()}
    assert invoke("service.add", "rate-cards", *flags, cwd=repository, env=env).code == 0
    service = repository / "rate-cards"

    applied = invoke("migrate.apply", cwd=repository, env=env)
    assert applied.code == 0, applied.err
    roundtrip = invoke("migrate.roundtrip", "--all", cwd=repository, env=env)
    assert roundtrip.code == 0, roundtrip.out + roundtrip.err
    assert "(head)" in alembic(service, database, "current")
    assert "No new upgrade operations" in alembic(service, database, "check")
    assert "CREATE TABLE rate_cards_items" in alembic(service, database, "upgrade", "head", "--sql")

    models = service / "rate_cards" / "models.py"
    models.write_text(
        models.read_text().replace("name: Mapped[str]\n", "name: Mapped[str]\n    note: Mapped[str | None]\n")
    )
    made = invoke("migrate.new", "--service", "rate-cards", "-m", "add a note", cwd=repository, env=env)
    assert made.code == 0, made.err
    assert invoke("migrate.apply", cwd=repository, env=env).code == 0
    assert "No new upgrade operations" in alembic(service, database, "check")


def test_plan_writes_nothing(repository: Path) -> None:
    ran = invoke("service.add", "billing", "--dry-run", "--format", "json", cwd=repository)
    assert ran.code == 0
    assert ran.json["result"]["written"] is False
    assert "billing/alembic/env.py" in ran.json["result"]["files"]
    assert git(repository, "status", "--short") == ""


def test_a_runner_with_an_open_quote_is_refused(repository: Path) -> None:
    with pytest.raises(UsageError, match="--runner cannot be read"):
        service_add(open_workspace(cwd=repository, environ={}), "billing", runner='"poetry')
    assert git(repository, "status", "--short") == ""


def test_the_runner_is_registered(repository: Path) -> None:
    ran = invoke("service.add", "billing", "--runner", "poetry run", "--format", "json", cwd=repository)
    assert "runner: [poetry, run]" in ran.json["result"]["entry"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop", "a service is already called shop"),
        ("taken", "taken is already there"),
        ("json", "would hide Python's own"),
        ("class", "would hide Python's own"),
        ("Billing", "not usable as a service name"),
        ("a b", "not usable as a service name"),
        ("../up", "not usable as a service name"),
        ("$(touch pwned)", "not usable as a service name"),
        ("x" * 60, "not usable as a table name"),
    ],
)
def test_what_is_taken_or_odd_is_refused(repository: Path, name: str, told: str) -> None:
    (repository / "taken").mkdir()
    with pytest.raises(AegisError, match=told) as caught:
        service_add(open_workspace(cwd=repository, environ={}), name)
    assert caught.value.exit_code == 2
    assert git(repository, "status", "--short") == ""


def test_a_refusal_is_exit_2(repository: Path) -> None:
    assert invoke("service.add", cwd=repository).code == 2
    ran = invoke("service.add", "$(touch pwned)", cwd=repository)
    assert (ran.code, "not usable as a service name" in ran.last) == (2, True)
    assert git(repository, "status", "--short") == ""


def test_tables_of_another_owner_are_not_claimed(repository: Path) -> None:
    registry = repository / "services.yaml"
    registry.write_text(registry.read_text().replace("[orders]", '[orders, "billing_*"]'))
    ran = invoke("service.add", "billing", cwd=repository)
    assert ran.code == 2
    assert "billing_* is already owned by shop" in ran.last
    assert not (repository / "billing").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_registry_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    tmp_path.chmod(0o500)
    try:
        ran = invoke("service.add", "billing", cwd=tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert ran.code == 1
    assert "nothing was added" in ran.last


def test_no_password_of_the_registry_gets_into_the_service(repository: Path) -> None:
    registry = repository / "services.yaml"
    registry.write_text(registry.read_text().replace("${DEMO_PASSWORD:-demo}", "C4nary"))
    assert invoke("service.add", "billing", cwd=repository).code == 0
    texts = [file.read_text() for file in (repository / "billing").rglob("*") if file.is_file()]
    assert not [text for text in texts if "C4nary" in text]
