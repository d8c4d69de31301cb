"""A draft whose unsafe changes become revisions behind it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.files import shown
from aegisdb.forms.files import write_steps
from aegisdb.forms.locks import measure_locks
from aegisdb.forms.step import in_order
from aegisdb.postgres.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.forms.choose import Choice, PutOff
    from aegisdb.forms.files import StepFile
    from aegisdb.forms.step import Form
    from aegisdb.models.renames import Rename
    from aegisdb.postgres.address import Address
    from aegisdb.runtime.session import Session
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class StepWritten:
    """One revision of an unsafe change in safe steps."""

    what: str
    phase: str
    """`expand` or `contract`."""
    path: str = ""
    """Relative to services.yaml; empty in a dry run."""
    revision: str = ""
    locks: tuple[str, ...] = ()
    """What it locked on an empty database, in words."""


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """One revision that was written again in steps, or was left, and why."""

    service: str
    revision: str
    path: str
    """Relative to services.yaml."""
    removed: bool = False
    """Nothing of it was left, so its file is gone."""
    steps: tuple[StepWritten, ...] = ()
    why: str = ""
    """Why it was left as it was."""


class InSteps:
    """What of the changes is done in steps, and their files."""

    def __init__(self, ws: Workspace, service: str, choice: Choice) -> None:
        self._ws = ws
        self._service = service
        self._choice = choice
        self._forms: tuple[Form, ...] = ()
        self.as_one: tuple[str, ...] = ()
        """Unsafe changes for which there are no steps, with the reason."""

    def put_off(
        self, head: Fingerprint, models: Fingerprint, changes: Sequence[Change], renames: tuple[Rename, ...]
    ) -> PutOff:
        """Choose what is done in steps, and remember it."""
        found = self._choice.put_off(head, models, changes, renames)
        self._forms, self.as_one = found.forms, found.as_one
        return found

    def planned(self) -> tuple[StepWritten, ...]:
        """The steps, without files."""
        return tuple(StepWritten(what=step.what, phase=step.phase) for step in in_order(self._forms))

    @contextmanager
    def database(self) -> Iterator[Address | None]:
        """A database at head for the steps; None where there are none. To be made before any file is written."""
        if not self._forms:
            yield None
            return
        ws = proving(self._ws)
        with scratch(ws.address(), template=template(ws, "histories"), label="plan") as address:
            yield address

    def files(self, session: Session, message: str, revision: str) -> list[StepFile]:
        """Write the steps behind `revision`, or behind the head without one."""
        return write_steps(session, message, self._forms, revision or "head")

    def measured(self, files: Sequence[StepFile], revision: str, below: Address) -> tuple[StepWritten, ...]:
        """The steps, with what each locks, put into its docstring; `below` is a database without any of these."""
        told = measure_locks(proving(self._ws), below, self._service, revision, files)
        return tuple(
            StepWritten(
                what=one.step.what,
                phase=one.step.phase,
                path=shown(one.path, self._ws.registry.root),
                revision=one.revision,
                locks=told[one.revision],
            )
            for one in files
        )
