"""The next revision of a service: autogenerate's operations, and statements for all that it does not see.

It is done and undone on a scratch database at head before it is written. What is missing then, compared with the models
after the upgrade and with the histories after the downgrade, comes behind autogenerate's operations.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Interrupted
from aegisdb.files import replace_file
from aegisdb.fingerprint import diff, read
from aegisdb.fingerprint.keys import column_name, parse, relation_name
from aegisdb.models.both_sides import BothSides
from aegisdb.models.comparison import compared
from aegisdb.models.normal_form import differences
from aegisdb.models.object_changes import ObjectChanges, object_changes, objects_on_tables
from aegisdb.models.object_files import made_of_files, read_units, with_mark
from aegisdb.models.problems import models_problems
from aegisdb.models.renames import proposed, wanted
from aegisdb.models.statements import CLEAN, DROP, Statement, statements
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import under_way
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aegisdb.errors import Problem
    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.models.both_sides import Sides
    from aegisdb.models.object_files import Unit
    from aegisdb.models.renames import Rename
    from aegisdb.postgres.address import Address
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Draft, Steps
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Around:
    """Statements around autogenerate's operations."""

    first: tuple[Statement, ...] = ()
    """Before the upgrade's: types that columns need."""
    up: tuple[Statement, ...] = ()
    down: tuple[Statement, ...] = ()
    """Behind the upgrade's and behind the downgrade's."""
    objects: ObjectChanges = field(default_factory=ObjectChanges)
    failure: str = ""
    """Why the draft could not be done and undone: what autogenerate does not see is not in it then."""


class Unwritable(Exception):
    """Models that cannot be followed: whoever reads a file without them would think it whole."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(*(problem.message for problem in problems))
        self.problems = problems


class PutOff(Protocol):
    """What is left to revisions behind this one."""

    @property
    def models(self) -> Fingerprint:
        """The models without it."""

    @property
    def operations(self) -> Sequence[tuple[str, str, str]]:
        """Kind, table and name of what autogenerate is not to do."""

    @property
    def renames(self) -> tuple[Rename, ...]:
        """Renames that this revision does."""


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """The contents of a drafted revision."""

    session: Session
    draft: Draft
    put_off: PutOff
    could_be: tuple[Rename, ...]
    """Renames that nobody asked for; without one they are a drop and an addition."""
    around: Around = field(default_factory=Around)

    @property
    def renames(self) -> tuple[Rename, ...]:
        """The renames that it does."""
        return self.put_off.renames

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations, in words or as SQL."""
        renames = tuple(f"rename {rename.old} to {rename.to}" for rename in self.renames)
        first, then = (tuple(one.sql for one in some) for some in (self.around.first, self.around.up))
        return (*renames, *first, *self.draft.operations, *then, *self.around.objects.words)

    @property
    def drops(self) -> tuple[str, ...]:
        """Operations that lose data."""
        ours = tuple(one.loses for one in (*self.around.first, *self.around.up) if one.loses)
        return tuple(dict.fromkeys((*self.draft.drops, *ours, *self.around.objects.losses)))

    def write(self, message: str) -> Path:
        """Write the file."""
        renames = [rename.step() for rename in self.renames]
        back = [rename.step(back=True) for rename in reversed(self.renames)]
        objects = self.around.objects
        behind = [*_steps(self.around.up), *_texts(objects.up)]
        up: dict[str, Steps] = {"first": [*renames, *_steps(self.around.first)], "then": behind}
        down: dict[str, Steps] = {
            "first": _texts(objects.down),
            "then": [*back, *_steps(self.around.down)],
        }
        path = self.session.write_proposed(message, up, down)
        if objects.marks:
            replace_file(path, with_mark(path.read_text("utf-8"), objects.marks).encode())
        return path


@contextmanager
def drafting(
    ws: Workspace,
    history: History,
    message: str,
    renames: Sequence[str] = (),
    *,
    confirmed: Callable[[Rename], bool],
    putting_off: Callable[[Fingerprint, Fingerprint, Sequence[Change], tuple[Rename, ...]], PutOff],
) -> Iterator[Drafted]:
    """Compare, try and hand out the draft; its session lasts as long as the block.

    Whether a rename that is not among `renames`, and looks like one, is meant is for `confirmed` to say; what of the
    changes from the histories to the models other revisions do, for `putting_off`.

    Raises:
        UsageError: `renames` fit no change. Unwritable: models that no revision can follow.
    """
    warm_process(ws.registry)
    units = read_units(ws.registry, history.service)
    ws = proving(ws)
    service = history.service
    with under_way(ws.listen, "database at head", service):
        source = template(ws, "histories")
    with under_way(ws.listen, "models", service):
        both = BothSides(ws, source, ws)
        sides = both.of(history)
    found = replace(compared(both, history, sides), changes=())
    if problems := tuple(models_problems(ws.registry, service, found)):
        raise Unwritable(problems)
    changes = differences(sides.head, sides.models, sides.built)
    chosen = wanted(renames, changes)
    could_be = tuple(one for one in proposed(sides.head, sides.models, changes) if one not in chosen)
    chosen += tuple(filter(confirmed, could_be))
    could_be = tuple(one for one in could_be if one not in chosen)
    put_off = putting_off(sides.head, sides.models, changes, chosen)
    sides = replace(sides, models=put_off.models)
    changes = differences(sides.head, sides.models, sides.built)
    with scratch(ws.address(), template=source, label="new", soon=ws.server.own) as address:
        with connect(address) as conn:
            identity = conn.identity()
        options = StepOptions(listen=ws.listen, journal=False)
        with under_way(ws.listen, "compare", service), Session(ws.registry, history, address, identity, options) as s:
            objects = {**both.parts.objects(service), "changed": [*_changed(changes)], "later": put_off.operations}
            draft = s.propose(message, objects, [rename.step() for rename in put_off.renames])
            trial = _Trial(both, sides, history, s, address, units)
            around = trial.around(draft, changes, put_off.renames)
            yield Drafted(session=s, draft=draft, put_off=put_off, could_be=could_be, around=around)


def _changed(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """What of which table is otherwise, "" for the table itself, and "" with the names of indexes."""
    for change in changes:
        if change.is_remark:
            continue
        name = parse(change.object)
        if name.kind == "index":
            yield "", name.name
        if change.relation or name.kind == "table":
            yield relation_name(change.relation).name if change.relation else name.name, ""
        if name.kind == "column":
            yield column_name(change.object)


class _Trial:
    """Does and undoes a draft on a scratch database at head."""

    def __init__(
        self,
        both: BothSides,
        sides: Sides,
        history: History,
        session: Session,
        address: Address,
        units: Sequence[Unit] | None,
    ) -> None:
        self._both = both
        self._sides = sides
        self._history = history
        self._units = units
        self._session = session
        self._address = address

    def around(self, draft: Draft, changes: Sequence[Change], renames: Sequence[Rename]) -> Around:
        """What has to come around the draft; only what has to come first, and why, where it fails."""
        if not changes and not draft.operations:
            return Around(objects=self._objects())
        kinds = [change for change in changes if _is_type_to_make(change, draft)]
        first = tuple(statements(self._sides.head, self._sides.models, kinds))
        try:
            return self._tried(Around(first), renames)
        except Interrupted:
            raise
        except AegisError as error:
            return self._without_objects(first, renames) or Around(first, failure=error.message)

    def _without_objects(self, first: tuple[Statement, ...], renames: Sequence[Rename]) -> Around | None:
        """What failed, tried again without the views and the like of files: a column cannot change under them."""
        if not self._units:
            return None
        with connect(self._address) as conn:
            gone, drops, restores = objects_on_tables(conn, self._units, made_of_files(self._history))
        if not drops:
            return None
        try:
            found = self._tried(Around((*(Statement(DROP, sql) for sql in drops), *first)), renames, gone)
        except Interrupted:
            raise
        except AegisError:
            return None
        return replace(found, down=(*found.down, *(Statement(CLEAN, sql) for sql in restores)))

    def _tried(self, known: Around, renames: Sequence[Rename], gone: tuple[str, ...] = ()) -> Around:
        """Do and undo it; `gone` are objects that it drops and makes again."""
        session = self._session
        session.attempt("upgrade", first=[*(rename.step() for rename in renames), *_steps(known.first)])
        found = self._found()
        left = differences(found, self._sides.models, self._sides.built)
        up = tuple(statements(found, self._sides.models, left))
        if up:
            session.attempt("upgrade", then=_steps(up), operations=False)
        objects = self._objects()
        session.attempt("downgrade", then=[rename.step(back=True) for rename in reversed(renames)])
        found = self._found()
        left = tuple(
            change
            for change in diff(found, self._sides.head)
            if change.kind != "reordered" and not any(_hangs_on(change, key) for key in gone)
        )
        return Around(known.first, up, tuple(statements(found, self._sides.head, left)), objects)

    def _objects(self) -> ObjectChanges:
        """What the service's files say otherwise than this database, which has the new tables."""
        if self._units is None:
            return ObjectChanges()
        with connect(self._address) as conn:
            return object_changes(conn, self._history.schema or "", self._units, made_of_files(self._history))

    def _found(self) -> Fingerprint:
        with connect(self._address) as conn:
            return self._both.parts.part(self._history.service, self._sides.built, read(conn), self._sides.models)


def _hangs_on(change: Change, key: str) -> bool:
    return change.object.endswith(key) or change.relation == key.partition("view ")[2]


def _is_type_to_make(change: Change, draft: Draft) -> bool:
    if change.kind == "removed" or not change.object.startswith(("type ", "domain ")):
        return False
    name = parse(change.object)
    return name.name not in draft.types and (name.schema, name.name) not in draft.touched


def _steps(found: Sequence[Statement]) -> list[dict[str, str | None]]:
    return [{"sql": one.sql} for one in found]


def _texts(found: Sequence[str]) -> list[dict[str, str | None]]:
    return [{"text": sql} for sql in found]
