"""The safe way to do what breaks old code: expand, move the code, contract."""

from __future__ import annotations

_STEPS = {
    "42P01": "keep the table, or a view under its name, until no deployed code names it; drop it in a later revision",
    "42703": "keep the column until no deployed code names it; a rename or a move is a new column, a trigger that keeps"
    " both, a backfill, and a later revision that drops the old one",
    "23502": "let NULL pass until all deployed code writes a value; SET NOT NULL in a later revision",
    "not in the model": "give the new column a server default, or add it nullable and SET NOT NULL in a later revision",
    "23514": "deploy code that keeps to the rule first; add the constraint in a later revision (NOT VALID still"
    " refuses new writes)",
    "23505": "deploy code that keeps it unique first; add the constraint in a later revision",
    "23503": "deploy code that writes and deletes in this order first; add the foreign key in a later revision",
    "42P10": "keep the unique constraint that ON CONFLICT names until no deployed code does",
    "428C9": "keep the column one that can be written until no deployed code writes it",
    "default": "keep the default until all deployed code writes the column itself",
    "kind": "add a column of the new type, keep both with a trigger, and drop the old one in a later revision",
}
_TYPE = _STEPS["kind"]
_OTHER = "do it in two revisions: what old code bears now, the rest once no deployed code relies on it"
_OF_TYPES = ("22", "42804", "42883", "42846", "rounded", "DataError", "LookupError")


def steps_for(sqlstate: str, *, known: bool, column: str) -> str:
    """Say what to do instead; `known` where the model has the column."""
    if sqlstate == "23502" and column and not known:
        return _STEPS["not in the model"]
    if sqlstate in _STEPS:
        return _STEPS[sqlstate]
    return _TYPE if sqlstate.startswith(_OF_TYPES) else _OTHER
