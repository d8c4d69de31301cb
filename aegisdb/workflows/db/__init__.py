"""`db.*`: one verb a module."""
