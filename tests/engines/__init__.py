"""Engines: what runs calls side by side."""
