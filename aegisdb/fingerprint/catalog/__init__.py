"""The catalog queries of the fingerprint, one SQL file a family of objects."""
