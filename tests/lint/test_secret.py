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
        'token = "token-8f7a6b5c4d3e2f1a"',
        'password = "swordfish"',
        'secret = "Tr0ub4dor&3"',
        'api_key = "0f3a9c7be1d24455a0b1c2d3e4f50617"',
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
        'password = "DB_PASSWORD"',
        'api_key = "OPENAI_API_KEY"',
        'token = "access_token"',
        'f(secret="client_secret")',
        'columns = {"token": "users.refresh_token", "password": "passwordHash"}',
        'name_of_token = token = "fk_user_token_2"',
        'drop_token = "ALTER TABLE shop_items DROP COLUMN token"',
        'shape = {"password": "string", "token": "varchar(64)"}',
        'kinds = {"token": "Token of the shop"}',
        'url = "postgresql://user:password@localhost/shop"',
    ],
)
def test_what_only_sounds_like_one(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)
