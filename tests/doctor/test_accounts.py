"""Who else may log in to this machine, and whether the server's password is one that they can read in git."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.invoke import invoke

ALICE = pwd.struct_passwd(("alice", "x", 1234, 1234, "", "/home/alice", "/bin/bash"))
DAEMON = pwd.struct_passwd(("postgres", "x", 110, 110, "", "/var/lib/postgresql", "/bin/bash"))
CLOSED = pwd.struct_passwd(("bot", "x", 1235, 1235, "", "/home/bot", "/usr/sbin/nologin"))
SELF = pwd.getpwuid(os.geteuid())
EMBEDDED, DRAWN = "{server: embedded}", "{server: embedded, draw_password: true}"
COMPOSE, URL = "{server: compose}", "{url: 'postgresql://aegis:open_to_all@127.0.0.1:1/aegis'}"


def told(
    root: Path, monkeypatch: pytest.MonkeyPatch, accounts: list[pwd.struct_passwd], *, target: str, password: str
) -> list[str]:
    """What `public_password` yields for a project, without its server."""
    from aegisdb.doctor.accounts import public_password
    from aegisdb.doctor.patient import Patient
    from aegisdb.workspace import open_workspace

    (root / "compose.yaml").write_text("services: {postgres: {image: postgres}}\n")
    (root / "services.yaml").write_text(
        f"version: 1\nproject: aegis\ntargets: {{t: {target}}}\n"
        f"database: {{name: aegis, user: aegis, password: '{password}'}}\n"
    )
    monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
    ws = open_workspace(cwd=root, environ={"SECRET": "only_here"})
    patient = Patient(ws, None, None, None)
    return [f"{one.what} {' '.join(one.evidence)} {one.command}" for one in public_password(patient)]


@pytest.mark.parametrize(
    ("target", "password", "command"),
    [
        (EMBEDDED, "open_to_all", "draw_password: true"),
        (EMBEDDED, "${UNSET:-open_to_all}", "draw_password: true"),
        (COMPOSE, "${UNSET:-open_to_all}", ".env"),
    ],
)
def test_it_is_told_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, password: str, command: str
) -> None:
    (said,) = told(tmp_path, monkeypatch, [SELF, ALICE], target=target, password=password)
    assert "alice" in said
    assert command in said
    assert "open_to_all" not in said


@pytest.mark.parametrize(
    ("target", "password", "accounts"),
    [
        (EMBEDDED, "open_to_all", [SELF, DAEMON, CLOSED]),
        (EMBEDDED, "${SECRET}", [SELF, ALICE]),
        (EMBEDDED, "${SECRET:-open_to_all}", [SELF, ALICE]),
        (DRAWN, "open_to_all", [SELF, ALICE]),
        (URL, "open_to_all", [SELF, ALICE]),
    ],
)
def test_it_is_not_told_where_nobody_else_can_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, password: str, accounts: list[pwd.struct_passwd]
) -> None:
    assert told(tmp_path, monkeypatch, accounts, target=target, password=password) == []


def test_the_drawn_password_ends_the_notice(tmp_path: Path) -> None:
    """As typed, on this machine, whoever has accounts here."""
    (tmp_path / "services.yaml").write_text(
        f"version: 1\nproject: aegis\ntargets: {{t: {DRAWN}}}\ndatabase: {{name: aegis, user: aegis, password: x}}\n"
    )
    findings = invoke("doctor", "--format", "json", cwd=tmp_path).json["result"]["findings"]
    assert "public_password" not in [one["check"] for one in findings]
