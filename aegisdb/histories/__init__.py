"""Revisions as data, their arithmetic, and the engine's side of the worker that runs them."""
