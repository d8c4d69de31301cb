"""Unsafe changes of models in safe steps: a revision for each, none of which makes others wait while rows are read."""
