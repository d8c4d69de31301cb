"""Tests of aegisdb.workflows.service."""
