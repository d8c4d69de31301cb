"""Questions to all members of a fleet, from one process, and their answers in groups."""
