"""What all models share: names of constraints, types of annotations, defaults."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

NEW_ID = text("uuid_generate_v4()")
NOW = text("now()")
EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_ARRAY = text("'[]'::jsonb")
TRUE = text("true")

Json = dict[str, Any]
JsonList = list[Any]


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
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's name for it
        str: Text,
        datetime: DateTime(timezone=True),
        UUID: Uuid,
        Json: JSONB,
        JsonList: JSONB,
    }


USERS = Table("users", Base.metadata, Column("id", Uuid, primary_key=True))
"""identity's table, only as far as foreign keys need it; OWNED_TABLES leaves it out."""
