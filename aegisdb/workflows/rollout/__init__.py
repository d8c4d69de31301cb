"""`rollout.*`: pending revisions on all members of a fleet, stage by stage, each member once."""
