"""PostgreSQL itself: addresses, connections, databases, psql, locks and the side schema."""
