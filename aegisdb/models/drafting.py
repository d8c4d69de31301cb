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
from aegisdb.files import replace_file
from aegisdb.fingerprint.keys import column_name, parse, relation_name
from aegisdb.models.both_sides import BothSides
from aegisdb.models.comparison import compared
from aegisdb.models.generated_columns import in_the_way
from aegisdb.models.normal_form import differences
from aegisdb.models.object_files import read_units, with_mark
from aegisdb.models.problems import lost_problem, models_problems
from aegisdb.models.renames import proposed, wanted
from aegisdb.models.results import ModelsCompared, without_views
from aegisdb.models.trial import Around, Trial, steps, texts
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch_ahead
from aegisdb.progress import under_way
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from aegisdb.errors import Problem
    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.models.both_sides import Sides
    from aegisdb.models.generated_columns import InTheWay
    from aegisdb.models.renames import Rename
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Draft, Steps
    from aegisdb.workspace import Workspace


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
    around: Around
    sides: Sides
    """The histories, and all that the models say."""
    differing: ModelsCompared = field(default_factory=ModelsCompared)
    """What it is drafted for."""

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

    def unwritten(self, registry: Registry) -> tuple[Problem, ...]:
        """The differences for which it has nothing, where it has no operation at all."""
        service = self.session.history.service
        why = f"by itself no revision follows that{f': {self.around.failure}' if self.around.failure else ''}"
        hint = f'write it by hand: invoke migrate.new --service {service} --empty -m "..."'
        found = models_problems(registry, service, self.differing)
        return tuple(replace(problem, message=f"{problem.message} ({why})", hint=hint) for problem in found)

    def left_to_hands(self, registry: Registry) -> tuple[Problem, ...]:
        """The views that are to be written into the file by hand."""
        service = self.session.history.service
        return tuple(lost_problem(registry, service, model) for model in self.differing.lost)

    def write(self, message: str) -> Path:
        """Write the file."""
        renames = [rename.step() for rename in self.renames]
        back = [rename.step(back=True) for rename in reversed(self.renames)]
        objects = self.around.objects
        behind = [*steps(self.around.up), *texts(objects.up)]
        up: dict[str, Steps] = {"first": [*renames, *steps(self.around.first)], "then": behind}
        down: dict[str, Steps] = {
            "first": [*texts(objects.down), *steps(self.around.down_first)],
            "then": [*back, *steps(self.around.down)],
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
    head: str = "",
) -> Iterator[Drafted]:
    """Compare, try and hand out the draft of a revision on `head`; its session lasts as long as the block.

    Whether a rename that is not among `renames`, and looks like one, is meant is for `confirmed` to say; what of the
    changes from the histories to the models other revisions do, for `putting_off`.

    Raises:
        UsageError: `renames` fit no change. Unwritable: models that no revision can follow.
    """
    warm_process(ws.registry)
    units = read_units(ws.registry, history.service)
    ws, service = proving(ws), history.service
    ws.client.use_driver()
    with under_way(ws.listen, "database at head", service):
        source = template(ws, "histories")
    # made while Alembic and the models load, which it need not wait for
    with scratch_ahead(ws.address(), template=source, label="new", soon=ws.server.own) as at_head:
        with under_way(ws.listen, "models", service):
            both = BothSides(ws, source, ws)
            sides = both.of(history)
        found = _followable(ws, compared(both, history, sides), service)
        whole = differences(sides.head, sides.models, sides.built)
        chosen, could_be = _renames(sides, whole, renames, confirmed)
        put_off = putting_off(sides.head, sides.models, whole, chosen)
        now = replace(sides, models=put_off.models)
        changes = differences(now.head, now.models, now.built)
        blocking = in_the_way(now.head, now.models, changes)
        options = StepOptions(listen=ws.listen, journal=False)
        with (
            under_way(ws.listen, "compare", service),
            connect(at_head()) as conn,
            Session(ws.registry, history, conn.address, conn.identity(), options) as s,
        ):
            objects = {**both.parts.objects(service), **_of_models(changes, put_off, blocking)}
            draft = s.propose(message, objects, [rename.step() for rename in put_off.renames], head)
            around = Trial(both, now, sides.models, s, conn, units).around(draft, changes, put_off.renames, blocking)
            drafted = Drafted(session=s, draft=draft, put_off=put_off, could_be=could_be, around=around, sides=sides)
            yield replace(drafted, differing=replace(found, changes=changes))


def _followable(ws: Workspace, found: ModelsCompared, service: str) -> ModelsCompared:
    """What was found, without what a revision can do; raises Unwritable."""
    found = replace(found, changes=(), plugins=())
    if problems := tuple(models_problems(ws.registry, service, without_views(found))):
        raise Unwritable(problems)
    return found


def _renames(
    sides: Sides, changes: Sequence[Change], asked: Sequence[str], confirmed: Callable[[Rename], bool]
) -> tuple[tuple[Rename, ...], tuple[Rename, ...]]:
    """The renames that are meant, and those that only could be."""
    chosen = wanted(asked, changes)
    could_be = tuple(one for one in proposed(sides.head, sides.models, changes) if one not in chosen)
    chosen += tuple(filter(confirmed, could_be))
    return chosen, tuple(one for one in could_be if one not in chosen)


def _of_models(changes: Sequence[Change], put_off: PutOff, blocking: InTheWay) -> dict[str, Iterable[tuple[str, ...]]]:
    """What of the models is changed, and what of that is left out of this revision's own operations."""
    return {"changed": [*_changed(changes)], "later": (*put_off.operations, *blocking.operations)}


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
