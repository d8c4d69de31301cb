"""Executes revisions: the engine's side of the workers in which env.py runs."""
