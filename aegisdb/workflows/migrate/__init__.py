"""`migrate.*`: one verb a module."""
