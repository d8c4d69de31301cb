"""Two columns that a trigger keeps in step, while old code writes one of them and new code the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aegisdb.forms.step import Backfill, Sql, Step, called, in_schema, plain, sql
from aegisdb.models.column_statements import defined
from aegisdb.models.fact_parts import fact, is_not_null, parts

_WORD = re.compile(r"""(?P<literal>'(?:[^']|'')*')|(?P<word>"(?:[^"]|"")*"|[^\W\d][\w$]*)""")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The old column and the new one of a table."""

    relation: str
    old: str
    new: str
    old_type: str
    new_type: str
    both_ways: bool
    """Whether somebody writes the new one before the old one is gone."""
    comments: tuple[str, str]
    """Values of the old one and of the new one, as literals; empty for none."""

    @property
    def where(self) -> str:
        """The old column's name for people."""
        return f"{plain(self.relation)}.{self.old}"

    @property
    def function(self) -> str:
        """The trigger function, in the table's schema."""
        return in_schema(self.relation, self._trigger)

    @property
    def _trigger(self) -> str:
        return called(self.relation, self.old, self.new, "in_step")

    def _as_new(self, value: str) -> str:
        return value if self.old_type == self.new_type else f"{value}::{self.new_type}"

    def as_old(self, value: str) -> str:
        """A value of the new column as the old one has it."""
        return value if self.old_type == self.new_type else f"{value}::{self.old_type}"

    def keeping(self) -> tuple[Sql, ...]:
        """Statements that make the trigger."""
        return (
            Sql(
                f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
                f"BEGIN\n{self._body()}    RETURN NEW;\nEND\n$$"
            ),
            Sql(
                f"CREATE OR REPLACE TRIGGER {self._trigger} BEFORE INSERT OR UPDATE ON {self.relation}\n"
                f"FOR EACH ROW EXECUTE FUNCTION {self.function}()"
            ),
        )

    def _body(self) -> str:
        old, new = f"NEW.{self.old}", f"NEW.{self.new}"
        if not self.both_ways:
            return f"    {new} := {self._as_new(old)};\n"
        return (
            f"    IF TG_OP = 'INSERT' THEN\n"
            f"        IF {new} IS NULL THEN {new} := {self._as_new(old)}; ELSE {old} := {self.as_old(new)}; END IF;\n"
            f"    ELSIF {new}::text IS DISTINCT FROM OLD.{self.new}::text THEN\n"
            f"        {old} := {self.as_old(new)};\n"
            f"    ELSIF {old}::text IS DISTINCT FROM OLD.{self.old}::text THEN\n"
            f"        {new} := {self._as_new(old)};\n"
            f"    END IF;\n"
        )

    def no_longer(self) -> tuple[Sql, ...]:
        """Statements that drop the trigger."""
        return (
            Sql(f"DROP TRIGGER IF EXISTS {self._trigger} ON {self.relation}"),
            Sql(f"DROP FUNCTION IF EXISTS {self.function}()", "the trigger alone called it"),
        )

    def add(self) -> Step:
        """The step that adds the new column and the trigger."""
        comment = self._commented(self.new, self.comments[1])
        return Step(
            what=f"add {self.new} beside {self.where}",
            says="A trigger gives it the value of the old column in each row that is written"
            + (", and the other way round where the new one is written." if self.both_ways else ".")
            + " No row is read or written for it.",
            phase="expand",
            up=(
                *sql(f"ALTER TABLE {self.relation} ADD COLUMN IF NOT EXISTS {self.new} {self.new_type}", *comment),
                *self.keeping(),
            ),
            down=(
                *self.no_longer(),
                *sql(f"ALTER TABLE {self.relation} DROP COLUMN IF EXISTS {self.new}"),
            ),
        )

    def copy(self) -> Step:
        """The step that gives the old rows their value."""
        return Step(
            what=f"fill {self.new} from {self.where}",
            says="Rows that were not written since get their value, in batches, each in a transaction of its own, "
            "which locks its rows and no others. Killed, it goes on behind its last batch. The way back keeps the "
            "values.",
            phase="expand",
            backfill=Backfill(
                table=self.relation,
                set=f"{self.new} = {self._as_new(self.old)}",
                where=f"{self.new} IS NULL AND {self.old} IS NOT NULL",
            ),
        )

    def old_again(self, facts: str) -> tuple[Sql, ...]:
        """Statements of a way back: the old column as `facts` have it, filled from the new one."""
        table = f"ALTER TABLE {self.relation}"
        default = fact(facts, "default ")
        then = [f"{table} ALTER COLUMN {self.old} SET DEFAULT {default}"] if default else []
        then += [f"{table} ALTER COLUMN {self.old} SET NOT NULL"] if is_not_null(facts) else []
        return sql(
            f"{table} ADD COLUMN IF NOT EXISTS {self.old} {self.old_type}",
            f"UPDATE {self.relation} SET {self.old} = {self.as_old(self.new)}",  # noqa: S608  as the catalog quotes them
            *then,
            *self._commented(self.old, self.comments[0]),
        )

    def _commented(self, column: str, comment: str) -> list[str]:
        return [f"COMMENT ON COLUMN {self.relation}.{column} IS {comment}"] if comment else []


def type_of(facts: str) -> str:
    """The type of a column with its collation, without NOT NULL and default."""
    first, *rest = parts(facts)
    return defined("; ".join([first, *(one for one in rest if one.startswith("collate "))]))


def mentions(definition: str, column: str) -> bool:
    """Whether a definition names a column."""
    return any(found["word"] == column for found in _WORD.finditer(definition))


def pointed_at(definition: str, relation: str) -> str:
    """The columns of a table that a foreign key points at; empty for any other definition."""
    _, references, rest = definition.partition(" REFERENCES ")
    table, _, columns = rest.partition("(")
    same = references and table in {relation, relation.rpartition(".")[2]}
    return columns.partition(")")[0] if same else ""


def instead(definition: str, column: str, other: str) -> str:
    """The definition about another column; what a foreign key points at stays."""
    own, references, rest = definition.partition(" REFERENCES ")
    return _WORD.sub(lambda found: other if found["word"] == column else found[0], own) + references + rest
