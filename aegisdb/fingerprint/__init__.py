"""One canonical line of text for each schema object, and the difference of two schemas."""

from aegisdb.fingerprint.catalog_reader import read
from aegisdb.fingerprint.difference import diff
from aegisdb.fingerprint.facts import Change, Fingerprint, Kind

__all__ = ["Change", "Fingerprint", "Kind", "diff", "read"]
