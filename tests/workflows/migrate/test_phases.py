"""Phases on a real database: what `--phase expand` applies, what waits, and who keeps a contract from being applied.

`shop` and its neighbour `mail` in a git history: v1 is deployed; v2 has the column in no model of its owner any more,
and has the file of the contract; in v3 the neighbour does not read it either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.markers import mark
from tests.invoke import Ran, invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, write, write_revision
from tests.running import versions
from tests.workflows.migrate.compat_shop import deployed, sql

EXPAND, CONTRACT = 'phase = "expand"', 'phase = "contract"'
CODE = '    sa.Column("code", sa.Text),\n'


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def without_line(path: Path, text: str) -> None:
    lines = [line for line in path.read_text().splitlines() if text not in line]
    path.write_text("\n".join(lines) + "\n")


def apply(root: Path, *words: str) -> Ran:
    return invoke("migrate.apply", *words, cwd=root)


def says(root: Path, value: object) -> None:
    """What the target says under `deployed`; nothing for None."""
    path = root / "services.yaml"
    document = json.loads(path.read_text())
    target = document["targets"]["local"]
    target.pop("deployed", None)
    path.write_text(json.dumps(document | {"targets": {"local": target | ({"deployed": value} if value else {})}}))


@pytest.fixture
def root(database: Address, tmp_path: Path) -> Path:
    """v1 is applied; s2 (expand), s3 (contract) and m2, which needs s3, are pending."""
    root = deployed(tmp_path, database.url())
    git(root, "switch", "-q", "main")
    mail = root / "services/mail/models.py"
    write(mail, mail.read_text().replace('    sa.Column("state"', f'{CODE}    sa.Column("state"'))
    commit(root, "mail reads the code")
    git(root, "tag", "v1")
    assert apply(root).code == 0
    shop = root / "services/shop"
    write_revision(shop, Rev(id="s2", head=EXPAND, up=sql("ALTER TABLE shop_items ADD title text")), "s1")
    write_revision(shop, Rev(id="s3", head=CONTRACT, up=sql("ALTER TABLE shop_items DROP COLUMN code")), "s2")
    waits = Rev(id="m2", head=f'{EXPAND}\nrequires = ["shop@s3"]', up=sql("ALTER TABLE mail_people ADD born date"))
    write_revision(root / "services/mail", waits, "m1")
    without_line(shop / "models.py", "    code: Mapped")
    commit(root, "code goes")
    git(root, "tag", "v2")
    without_line(mail, CODE.strip())
    commit(root, "mail does not read it")
    git(root, "tag", "v3")
    return root


def test_what_old_code_bears_goes_ahead_and_the_rest_waits_by_name(root: Path, database: Address) -> None:
    status = invoke("migrate.status", cwd=root)
    assert "shop: pending phases: s2 expand, s3 contract" in status.out
    found = invoke("migrate.status", "--format", "json", cwd=root).json["services"]
    assert {one["service"]: one["phases"] for one in found} == {
        "shop": {"s2": "expand", "s3": "contract"},
        "mail": {"m2": "expand"},
    }
    planned = apply(root, "--phase", "expand", "--dry-run")
    assert (planned.code, versions(database, "shop")) == (0, ["s1"])
    for ran in (planned, apply(root, "--phase", "expand")):
        assert ran.code == 0, ran.err
        assert "shop s3 waits: it is a contract" in ran.out
        assert "mail m2 waits: it needs shop s3, which waits" in ran.out
    assert (versions(database, "shop"), versions(database, "mail")) == (["s2"], ["m1"])
    again = apply(root, "--phase", "expand", "--format", "json")
    assert (again.code, again.json["services"]) == (0, [])
    assert [one["revision"] for one in again.json["result"]["waiting"]] == ["s3", "m2"]
    text = apply(root, "--phase", "expand", "--service", "mail").out
    assert "nothing is pending before the contracts" in text
    assert "mail m2 waits: it needs shop s3, which waits" in text
    assert apply(root, "--phase", "contract").code == 2


def test_a_contract_is_refused_while_deployed_code_needs_it_and_by_whom_is_told(root: Path, database: Address) -> None:
    says(root, "v1")
    planned = apply(root, "--dry-run")
    assert (planned.code, "the gate would apply nothing without --accept contract" in planned.out) == (0, True)
    assert "takes away what v1 (" in planned.out
    ran = apply(root)
    assert (ran.code, versions(database, "shop")) == (3, ["s1"]), ran.err
    git(root, "checkout", "-q", "v1", "--", "services/shop/models.py", "services/mail/models.py")
    places = {
        name: f"services/{name}/models.py:{line_of(root / f'services/{name}/models.py', text)}"
        for name, text in {"shop": "    code: Mapped", "mail": "ITEMS = "}.items()
    }
    git(root, "checkout", "-q", "v3", "--", "services")
    assert "error[gate]" in ran.err
    assert "  on a copy: upgrade shop s3" in ran.err  # as nothing was applied, nothing reads as if it were
    assert not [line for line in ran.err.splitlines() if line.startswith("  upgrade")]
    for name, place in places.items():
        told = next(line for line in ran.err.splitlines() if f"needs: {name} " in line)
        assert f"contract: {place}: shop s3: takes away what v1 (" in told
        assert "public.shop_items.code: column shop_items.code does not exist" in told
    assert "migrate.apply --phase expand until then" in ran.err


def test_a_neighbour_alone_keeps_it_too_and_the_commit_may_have_the_contract(root: Path, database: Address) -> None:
    """The models of shop at v2 do not have the column any more, and its tree has s3: as most deploys have it."""
    assert apply(root, "--phase", "expand").code == 0
    says(root, "v2")
    ran = apply(root)
    assert (ran.code, versions(database, "shop")) == (3, ["s2"]), ran.err
    assert "needs: mail reads and updates public.shop_items.code" in ran.err
    assert "needs: shop" not in ran.err
    says(root, "v3")
    ran = apply(root)
    assert (ran.code, versions(database, "shop"), versions(database, "mail")) == (0, ["s3"], ["m2"]), ran.err
    assert "waits" not in ran.out


def test_services_say_what_they_run_by_a_command(root: Path, database: Address) -> None:
    assert apply(root, "--phase", "expand").code == 0
    runs = root / "runs.py"

    def reported(text: str) -> Ran:
        runs.write_text(text)
        return apply(root)

    says(root, [sys.executable, "runs.py"])
    ran = reported('print("shop v2"); print("mail v3"); print("mail v1")')
    assert (ran.code, "takes away what v1 (" in ran.err, "needs: shop" in ran.err) == (3, True, False), ran.err
    for text, why in {
        'print("shop v3")': "does not say which code of mail runs",
        "": "does not say which code of shop, mail runs",
        'print("nobody v3")': "printed 'nobody v3', which is neither a ref nor a service and its ref",
        'raise SystemExit("no cluster")': "ended with 1: no cluster",
        'print("v9")': "git does not know 'v9', which is deployed",
    }.items():
        ran = reported(text)
        assert (ran.code, why in ran.err) == (3, True), (text, ran.err)
    assert versions(database, "shop") == ["s2"]
    says(root, ["./no-such-program"])
    assert apply(root).code == 3
    says(root, [sys.executable, "runs.py"])
    assert reported('print("shop v2"); print("mail v3")').code == 0
    assert versions(database, "shop") == ["s3"]


def test_where_nobody_says_what_runs_only_a_disposable_database_gets_a_contract(root: Path, database: Address) -> None:
    ran = apply(root)
    assert (ran.code, versions(database, "shop")) == (3, ["s1"])
    assert "shop s3 is a contract, and nothing says which code runs on local" in ran.last
    assert "`deployed:` of target local in services.yaml" in ran.last
    with databases.maintenance(database) as conn:
        mark(conn, database.database, "test")
    says(root, "v1")
    assert apply(root).code == 3, "what is said to be deployed counts on any database"
    says(root, None)
    assert apply(root).code == 0
    assert versions(database, "shop") == ["s3"]


def test_a_person_may_take_it_upon_themselves(root: Path, database: Address) -> None:
    says(root, "v1")
    ran = apply(root, "--accept", "contract")
    assert (ran.code, versions(database, "shop")) == (0, ["s3"]), ran.err
    assert "contract: shop s3: takes away what v1 (" in ran.out


def test_a_phase_that_there_is_not_stops_with_its_place(root: Path) -> None:
    path = root / "services/shop/alembic/versions/s3.py"
    path.write_text(path.read_text().replace('"contract"', '"contrac"'))
    ran = apply(root)
    assert (ran.code, "error[phase]" in ran.err) == (2, True), ran.err
    assert f"s3.py:{line_of(path, 'contrac')}" in ran.err
    assert "`phase` in s3.py is 'contrac', and there is no such phase" in ran.err


def test_what_requires_a_history_that_cannot_be_read_is_not_applied(root: Path, database: Address) -> None:
    path = root / "services/shop/alembic/versions/s3.py"
    path.write_text("revision = 's3'\ndef upgrade(:\n")
    ran = apply(root)
    assert (ran.code, versions(database, "mail")) == (3, ["m1"]), ran.err
    assert "mail m2 requires a revision of shop, whose history cannot be read" in ran.last
