"""The trial of a drafted revision on a scratch database at head: done and undone, it shows what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted
from aegisdb.fingerprint import Change, diff, read
from aegisdb.fingerprint.keys import parse
from aegisdb.models.normal_form import differences
from aegisdb.models.object_changes import ObjectChanges, object_changes, objects_on_tables
from aegisdb.models.object_files import made_of_files
from aegisdb.models.statements import CLEAN, DROP, Statement, drop_view, is_view, statements
from aegisdb.models.types_that_go import of_table_that_goes, types_that_go, types_without_model
from aegisdb.postgres.connection import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.models.both_sides import BothSides, Sides
    from aegisdb.models.generated_columns import InTheWay
    from aegisdb.models.object_files import Unit
    from aegisdb.models.renames import Rename
    from aegisdb.postgres.connection import Connection
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_results import Draft


@dataclass(frozen=True)
class Around:
    """Statements around autogenerate's operations."""

    first: tuple[Statement, ...] = ()
    """Before the upgrade's: types that columns need, and what is in the way."""
    up: tuple[Statement, ...] = ()
    down: tuple[Statement, ...] = ()
    """Behind the upgrade's and behind the downgrade's."""
    down_first: tuple[Statement, ...] = ()
    """Before the downgrade's."""
    objects: ObjectChanges = field(default_factory=ObjectChanges)
    failure: str = ""
    """Why the draft could not be done and undone: what autogenerate does not see is not in it then."""


class Trial:
    """Does and undoes a draft on a scratch database at head."""

    def __init__(
        self,
        both: BothSides,
        sides: Sides,
        said: Fingerprint,
        session: Session,
        conn: Connection,
        units: Sequence[Unit] | None,
    ) -> None:
        """`conn` reads the database of `session`.

        `said` are the models with what later revisions do: a type that only such a column has is the service's.
        """
        self._both = both
        self._sides = sides
        self._said = said
        self._history = session.history
        self._units = units
        self._session = session
        self._conn = conn

    def around(self, draft: Draft, changes: Sequence[Change], renames: Sequence[Rename], blocking: InTheWay) -> Around:
        """What has to come around the draft; only what has to come first, and why, where it fails."""
        if not changes and not draft.operations:
            return Around(objects=self._objects())
        kinds = [change for change in changes if _comes_first(change, draft)]
        drops, again = ([Statement(DROP, one.drop) for one in some] for some in (blocking.at_head, blocking.of_models))
        # a view that the models make stands on tables that change: it goes first, and comes back behind them
        views = [change for change in changes if is_view(change.object)]
        gone = (drop_view(change.object) for change in views if change.kind == "changed")
        first = (*gone, *drops, *statements(self._sides.head, self._sides.models, kinds))
        known = Around(first, down_first=(*(drop_view(change.object) for change in views), *again))
        try:
            return self._tried(known, renames)
        except Interrupted:
            raise
        except AegisError as error:
            return self._without_objects(known, renames) or replace(known, failure=error.message)

    def _without_objects(self, known: Around, renames: Sequence[Rename]) -> Around | None:
        """What failed, tried again without the views and the like of files: a column cannot change under them."""
        if not self._units:
            return None
        with connect(self._conn.address) as conn:  # files may leave something in their session
            gone, drops, restores = objects_on_tables(conn, self._units, made_of_files(self._history))
        if not drops:
            return None
        try:
            first = (*(Statement(DROP, sql) for sql in drops), *known.first)
            found = self._tried(replace(known, first=first), renames, gone)
        except Interrupted:
            raise
        except AegisError:
            return None
        return replace(found, down=(*found.down, *(Statement(CLEAN, sql) for sql in restores)))

    def _tried(self, known: Around, renames: Sequence[Rename], gone: tuple[str, ...] = ()) -> Around:
        """Do and undo it; `gone` are objects that it drops and makes again."""
        session = self._session
        session.attempt("upgrade", first=[*(rename.step() for rename in renames), *steps(known.first)])
        found = self._part(self._whole())
        left = differences(found, self._sides.models, self._sides.built)
        up = tuple(statements(found, self._sides.models, left))
        if up:
            session.attempt("upgrade", then=steps(up), operations=False)
        drops, again = self._types_that_go()
        if drops:
            session.attempt("upgrade", then=steps(drops), operations=False)
            known = replace(known, down_first=(*again, *known.down_first))
        objects = self._objects()
        back = [rename.step(back=True) for rename in reversed(renames)]
        session.attempt("downgrade", first=steps(known.down_first), then=back)
        found = self._part(self._whole())
        left = tuple(
            change
            for change in diff(found, self._sides.head)
            if change.kind != "reordered" and not any(_hangs_on(change, key) for key in gone)
        )
        return replace(known, up=(*up, *drops), down=tuple(statements(found, self._sides.head, left)), objects=objects)

    def _objects(self) -> ObjectChanges:
        """What the service's files say otherwise than this database, which has the new tables."""
        if self._units is None:
            return ObjectChanges()
        with connect(self._conn.address) as conn:  # as above
            return object_changes(conn, self._history.schema or "", self._units, made_of_files(self._history))

    def _types_that_go(self) -> tuple[list[Statement], list[Statement]]:
        """The drops of types that nothing has any more, and what makes those again that come back with no table."""
        head, models = self._sides.head, self._sides.models
        candidates = types_without_model(head, self._sides.built.types)
        ours = [key for key in candidates if not self._both.is_of_base(key)]
        if not ours:
            return [], []
        whole = self._whole()
        gone = [*types_that_go(ours, head, whole)]
        alone = (change for change in gone if not of_table_that_goes(change.object, head, whole))
        again = (Change(kind="added", object=change.object, after=change.before) for change in alone)
        return statements(head, models, gone), statements(models, head, again)

    def _whole(self) -> Fingerprint:
        return read(self._conn)

    def _part(self, whole: Fingerprint) -> Fingerprint:
        return self._both.parts.part(self._history.service, self._sides.built, whole, self._said)


def _hangs_on(change: Change, key: str) -> bool:
    return change.object.endswith(key) or change.relation == key.partition("view ")[2]


def _comes_first(change: Change, draft: Draft) -> bool:
    """Whether it is a type or a sequence that columns of the draft may need, and that Alembic does not make."""
    if (
        change.kind == "added"
        and change.object.startswith("sequence ")
        and not change.object.startswith("sequence of ")
    ):
        return True
    if change.kind == "removed" or not change.object.startswith(("type ", "domain ")):
        return False
    name = parse(change.object)
    return name.name not in draft.types and (name.schema, name.name) not in draft.touched


def steps(found: Sequence[Statement]) -> list[dict[str, str | None]]:
    """Statements as steps of a revision."""
    return [{"sql": one.sql} for one in found]


def texts(found: Sequence[str]) -> list[dict[str, str | None]]:
    """Texts of files as steps of a revision, which are written line by line."""
    return [{"text": sql} for sql in found]
