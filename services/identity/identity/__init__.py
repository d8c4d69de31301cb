"""Users, sessions and API keys of AEGIS."""
