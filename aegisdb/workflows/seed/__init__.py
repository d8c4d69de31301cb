"""`seed.*`: one verb a module."""
