"""Tests of aegisdb.ownership."""
