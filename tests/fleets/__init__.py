"""Fleets: many databases with the same histories."""
