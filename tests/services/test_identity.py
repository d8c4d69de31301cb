"""What identity's revisions do to rows."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

from aegisdb.postgres.address import Address
from tests.services.alembic_cli import config_of

Row = tuple[object, ...]


@pytest.fixture
def config(base_database: Address) -> Config:
    return config_of("identity", base_database)


@pytest.fixture
def conn(base_database: Address) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(base_database.url(), autocommit=True) as opened:
        yield opened


def test_the_backfill_tells_invited_from_suspended_and_back(config: Config, conn: psycopg.Connection[Row]) -> None:
    conn.execute(
        """
        INSERT INTO users (email, display_name, is_active, last_login_at)
        VALUES ('a@x.example', 'A', true, now()), ('i@x.example', 'I', false, NULL), ('s@x.example', 'S', false, now())
        """
    )
    before = _users(conn, "is_active")
    command.upgrade(config, "c41f0a7d93be")
    assert _users(conn, "status") == {"a": "active", "i": "invited", "s": "suspended"}
    command.downgrade(config, "8d2b7e40c915")
    assert _users(conn, "status") == {"a": "active", "i": "active", "s": "active"}
    assert _users(conn, "is_active") == before


def test_locked_accounts_survive_the_removal_of_the_value(config: Config, conn: psycopg.Connection[Row]) -> None:
    command.upgrade(config, "e95d63b18a20")
    conn.execute("INSERT INTO users (email, display_name, status) VALUES ('l@x.example', 'L', 'locked')")
    command.downgrade(config, "c41f0a7d93be")
    assert _users(conn, "status") == {"l": "suspended"}


def test_a_suspended_user_is_logged_out(config: Config, conn: psycopg.Connection[Row]) -> None:
    command.upgrade(config, "head")
    conn.execute("INSERT INTO users (email, display_name) VALUES ('a@x.example', 'A')")
    conn.execute(
        "INSERT INTO user_sessions (user_id, token_digest, expires_at)"
        " SELECT id, sha256('t'), now() + interval '1 day' FROM users"
    )
    conn.execute("UPDATE users SET display_name = 'B'")
    assert _revoked(conn) == 0
    conn.execute("UPDATE users SET status = 'suspended'")
    assert _revoked(conn) == 1


def test_one_account_for_an_address_whatever_its_capitals(conn: psycopg.Connection[Row]) -> None:
    conn.execute("INSERT INTO users (email, display_name) VALUES ('Ann@x.example', 'Ann')")
    with pytest.raises(psycopg.errors.UniqueViolation, match="idx_users_email_lower"):
        conn.execute("INSERT INTO users (email, display_name) VALUES ('ann@X.example', 'Ann')")


def _users(conn: psycopg.Connection[Row], column: str) -> dict[object, object]:
    query = sql.SQL("SELECT left(email, 1), {}::text FROM users").format(sql.Identifier(column))
    return {row[0]: row[1] for row in conn.execute(query)}


def _revoked(conn: psycopg.Connection[Row]) -> object:
    row = conn.execute("SELECT count(*) FROM user_sessions WHERE revoked_at IS NOT NULL").fetchone()
    assert row
    return row[0]
