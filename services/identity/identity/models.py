"""Tables of identity. `users` comes from the base schema; the rest from this service's history."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OWNED_TABLES = frozenset({"users", "user_sessions", "api_keys"})
"""What this service migrates. A table stays here when its model goes, so that its drop is proposed."""

ACCOUNT_STATUS = Enum("invited", "active", "suspended", "locked", name="account_status")
NEW_ID = text("uuid_generate_v4()")
NOW = text("now()")


class Base(DeclarativeBase):
    """Constraint names as in sql/init, so that each can be named in a downgrade."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "idx_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), UUID: Uuid}  # noqa: RUF012  SQLAlchemy's name for it


class User(Base):
    """A person who logs in."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(r"email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' AND length(email) <= 320", name="email"),
        CheckConstraint("length(btrim(display_name)) > 0", name="display_name"),
        CheckConstraint("role IN ('admin', 'operator', 'analyst', 'reviewer', 'viewer')", name="role"),
        Index("idx_users_email_lower", func.lower(text("email")), unique=True),
        Index("idx_users_role", "role", postgresql_where=text("is_active")),
        {"comment": "People who log in."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    email: Mapped[str] = mapped_column(comment="As typed; unique without regard to case.")
    display_name: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(
        comment="scrypt with its parameters and salt; NULL for single sign-on."
    )
    role: Mapped[str] = mapped_column(server_default="analyst")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_login_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)
    status: Mapped[str] = mapped_column(
        ACCOUNT_STATUS, server_default="active", comment="Says more than is_active, which older readers still use."
    )


class UserSession(Base):
    """A login; the token itself is never stored."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        CheckConstraint("octet_length(token_digest) = 32", name="token_digest"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("idx_user_sessions_expires_at_live", "expires_at", postgresql_where=text("revoked_at IS NULL")),
        {"comment": "Logins."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256 of the token.")
    user_agent: Mapped[str | None]
    client_ip: Mapped[str | None] = mapped_column(INET)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiKey(Base):
    """A key of a program that acts for a user."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(key_digest) = 32", name="key_digest"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint("use_count >= 0", name="use_count"),
        {"comment": "Keys of programs that act for a user."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(comment="First characters, shown to tell keys apart.")
    key_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256 of the key.")
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{filings:read}'::text[]"))
    use_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
