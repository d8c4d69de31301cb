"""What the database calls the tables and types of models."""

from __future__ import annotations

from typing import Any

_LONGEST = 63


def translations(connection: Any) -> Any:
    """The translation that env.py makes of its models' schemas."""
    return connection.get_execution_options().get("schema_translate_map") or {}


def place_of(item: Any, connection: Any) -> tuple[str, str]:
    """Schema and name of a table or type in the database."""
    schema = translations(connection).get(item.schema, item.schema)
    return schema or connection.dialect.default_schema_name or "public", kept_name(item.name)


def kept_name(name: Any) -> str:
    """As much of a name as PostgreSQL keeps: SQLAlchemy counts its characters, PostgreSQL its bytes."""
    return str(name).encode()[:_LONGEST].decode(errors="ignore")
