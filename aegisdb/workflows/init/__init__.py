"""A registry for a monorepo that has none: what is in the tree, and services.yaml and tasks.py made of it."""
