"""Alembic histories as data, and the engine's side of the worker that runs them."""
