"""One canonical line of text for each schema object, and the difference of two schemas."""

from aegisdb.fingerprint.alike import Alike
from aegisdb.fingerprint.catalog_reader import of_rows, read, statements_inside
from aegisdb.fingerprint.difference import diff, without_parts
from aegisdb.fingerprint.facts import Change, Fingerprint, Kind, split

__all__ = [
    "Alike",
    "Change",
    "Fingerprint",
    "Kind",
    "diff",
    "of_rows",
    "read",
    "split",
    "statements_inside",
    "without_parts",
]
