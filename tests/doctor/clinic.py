"""A project that a test makes ill, `invoke doctor`, and a shell in which the printed command is run as it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.invoke import ROOT, Ran, environment, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import BIN, PASSWORD

SHOP = (
    Rev(id="s1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")', message="items"),
    Rev(
        id="s2",
        up='op.execute("ALTER TABLE shop_items ADD price int")',
        down='op.execute("ALTER TABLE shop_items DROP price")',
        message="price",
    ),
)
CRM = (Rev(id="c1", up=table("crm_people"), down='op.execute("DROP TABLE crm_people")', message="people"),)
MODELS = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    price: Mapped[int | None]
"""
PEOPLE = MODELS.split("    price", maxsplit=1)[0].replace("Item", "Person").replace("shop_items", "crm_people")


@dataclass(frozen=True)
class Clinic:
    """A monorepo on the database of the test."""

    root: Path
    address: Address

    @property
    def shop(self) -> Path:
        """The directory of the service `shop`."""
        return self.root / "services" / "shop"

    def file(self, revision: str, service: str = "shop") -> Path:
        """A revision's file."""
        return self.root / "services" / service / "alembic" / "versions" / f"{revision}.py"

    def invoke(self, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run a task here."""
        return invoke(*words, cwd=self.root, env=env, timeout=240)

    def doctor(self, *words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The envelope of `invoke doctor`."""
        return self.invoke("doctor", *words, "--format", "json", env=env).json

    def finding(self, check: str) -> dict[str, Any]:
        """The one finding of this name; fails when there is none or more than one."""
        envelope = self.doctor()
        found = [f for f in envelope["result"]["findings"] if f["check"] == check]
        assert len(found) == 1, [(f["check"], f["what"]) for f in envelope["result"]["findings"]]
        one: dict[str, Any] = found[0]
        assert one["cause"]
        assert one["command"]
        assert envelope["exit_code"] == one["exit_code"] or one["exit_code"] == 0
        return one

    def names(self) -> list[str]:
        """Names of all findings that are wrong."""
        return [f["check"] for f in self.doctor()["result"]["findings"] if f["exit_code"]]

    def type(self, command: str) -> str:
        """Type a command line in the project's directory; fails when it does. Returns what it prints."""
        tools = self.root / ".tools"
        if not tools.exists():
            tools.mkdir()
            script = tools / "invoke"
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m invoke -r "{ROOT}" "$@"\n')
            script.chmod(0o755)
        path = f"{tools}:{BIN}:{environment()['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.root,
            env=environment({"PATH": path}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def alembic(self, *words: str, service: str = "shop") -> tuple[int, str]:
        """Plain `alembic` in the service's directory, as somebody types who does not know aegisdb."""
        home = self.root / "services" / service
        ini = home / "plain.ini"
        url = self.address.url(driver="psycopg").replace("%", "%%")
        ini.write_text(
            (home / "alembic.ini").read_text().replace("postgresql+psycopg://nobody@127.0.0.1:1/nothing", url)
        )
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", "plain.ini", *words],
            cwd=home,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        ini.unlink()
        return done.returncode, done.stdout + done.stderr

    def git(self, *words: str) -> str:
        """Run git in the project."""
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self, branch: str = "main") -> None:
        """Put everything into git."""
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", branch)
            (self.root / ".gitignore").write_text(".aegisdb/\n.tools/\n__pycache__/\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "as it is")


def clinic(root: Path, address: Address, *, both: bool = False) -> Clinic:
    """A project of one service, or of two; nothing is applied yet."""
    services = {"shop": Svc(revisions=SHOP, models=MODELS)}
    if both:
        services["crm"] = Svc(revisions=CRM, models=PEOPLE)
    build_monorepo(root, services, url=address.url(), extra={"project": "clinic"})
    with databases.maintenance(address) as conn:
        markers.mark(conn, address.database, "test")
    return Clinic(root, address)


def execute(address: Address, *statements: str) -> None:
    """Run statements on a connection of the test's own."""
    with psycopg.connect(address.url(), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())
