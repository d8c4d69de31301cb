"""Whether code that is still deployed bears new revisions: its models, as git has them, on the database after these."""
