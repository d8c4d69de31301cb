"""secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "secret"
HIDDEN = "hunter2hunter2"


@pytest.mark.parametrize(
    "up",
    [
        f'URL = "postgresql://app:{HIDDEN}@db/shop"',
        f"op.execute(\"CREATE ROLE app LOGIN PASSWORD '{HIDDEN}'\")",
        f'API_KEY = "{HIDDEN}"',
        f'connect(password="{HIDDEN}")',
        f'settings = {{"client_secret": "{HIDDEN}"}}',
        f'token = "{"ghp_" + "a" * 36}"',
        'text = "-----BEGIN RSA PRIVATE KEY-----"',
        f'text = "{"AKIA" + "A" * 16}"',
    ],
)
def test_a_secret_is_found_and_never_printed(tmp_path: Path, up: str) -> None:
    findings = judge(tmp_path, rev(up))
    assert found(findings, RULE)
    assert HIDDEN not in repr(findings)


@pytest.mark.parametrize(
    "up",
    [
        'op.add_column("shop_items", sa.Column("token_digest", comment="SHA-256 of the token"))',
        'password = os.environ["PASSWORD"]',
        'password = "changeme"',
        'text = "postgresql://app@db/shop"',
        'text = f"postgresql://app:{password}@db/shop"',
        "op.execute(\"ALTER ROLE app PASSWORD ''\")",
    ],
)
def test_what_only_sounds_like_one(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)
