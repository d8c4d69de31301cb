"""What a database has: rows of version tables, status, missing revisions, data that a downgrade loses; only SELECT."""
