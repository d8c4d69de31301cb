"""Wells, leases and operators as an AGE graph; their documents as pgvector embeddings."""
