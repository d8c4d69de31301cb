"""Revisions as data, and arithmetic over them: no database, no import of user code."""
