"""`service.*`: one verb a module."""
