"""Runs one service's env.py in a process of its own; standard library and Alembic only."""
