"""Tells whether deployed code bears new revisions: runs its models, as git has them, on the schema after these."""
