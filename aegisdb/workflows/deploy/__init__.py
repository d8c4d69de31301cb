"""`deploy.*`: one verb a module."""
