"""Tests of aegisdb.workflows.migrate."""
