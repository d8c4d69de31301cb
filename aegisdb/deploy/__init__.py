"""Standalone idempotent SQL for databases that exist already: which files ran, and the run itself."""
