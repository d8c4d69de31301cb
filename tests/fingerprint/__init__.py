"""Tests of aegisdb.fingerprint."""
