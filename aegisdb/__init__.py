"""aegisdb: database tasks for a monorepo whose services share one PostgreSQL."""

__version__ = "0.1.0"
