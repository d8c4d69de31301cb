"""Differences between what the histories build and what a database has."""
