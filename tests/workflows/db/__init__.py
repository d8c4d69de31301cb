"""Tests of aegisdb.workflows.db."""
