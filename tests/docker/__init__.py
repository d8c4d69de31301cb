"""The whole of AEGIS on a real Docker Engine."""
