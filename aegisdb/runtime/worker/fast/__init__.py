"""Ways past SQLAlchemy and psycopg, each with the plain way beside it."""
