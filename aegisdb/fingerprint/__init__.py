"""One canonical line of text for each schema object, and the difference of two schemas."""

from aegisdb.fingerprint.comparing import diff
from aegisdb.fingerprint.reading import read
from aegisdb.fingerprint.types import Change, Fingerprint, Kind

__all__ = ["Change", "Fingerprint", "Kind", "diff", "read"]
