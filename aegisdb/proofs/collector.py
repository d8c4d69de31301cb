"""Collects what is found out about one revision while it is taken up and down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, RevisionFailed, Unreachable
from aegisdb.proofs.revision_proof import Finding, RevisionProof, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision


class Report:
    """Findings, remarks and times of one revision."""

    def __init__(self, history: History, revision: Revision) -> None:
        self._history = history
        self._revision = revision
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.objects = 0
        self.up_seconds = 0.0
        self.down_seconds = 0.0

    def add(self, findings: tuple[Finding, ...], notes: tuple[str, ...] = ()) -> None:
        """Keep findings and remarks; what was found before is not repeated."""
        self.findings += [finding for finding in findings if finding not in self.findings]
        self.notes += [note for note in notes if note not in self.notes]

    def up(self, code: str, step: Callable[[], float]) -> bool:
        """Do an upgrade; a failure becomes a finding and False. The first one's time counts."""
        seconds = self._try(code, step)
        self.up_seconds = self.up_seconds or seconds or 0.0
        return seconds is not None

    def down(self, step: Callable[[], float]) -> bool:
        """Do a downgrade; likewise."""
        seconds = self._try("downgrade_failed", step)
        self.down_seconds = self.down_seconds or seconds or 0.0
        return seconds is not None

    def _try(self, code: str, step: Callable[[], float]) -> float | None:
        try:
            return step()
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            self.add((failure(code, self._history, self._revision, error),))
            return None

    def proof(self, status: Status = "proven") -> RevisionProof:
        """The proof so far; with a finding its status is "failed"."""
        return replace(
            describe(self._history, self._revision, "failed" if self.findings else status),
            findings=tuple(self.findings),
            notes=tuple(self.notes),
            objects=self.objects,
            up_seconds=self.up_seconds,
            down_seconds=self.down_seconds,
        )


def describe(history: History, revision: Revision, status: Status) -> RevisionProof:
    """A proof that says only which revision it is about."""
    return RevisionProof(
        service=history.service,
        revision=revision.id,
        message=revision.message,
        where=f"{revision.path}:{revision.line}",
        status=status,
    )


def fault(code: str, detail: str) -> Finding:
    """Note something that is wrong, with what was said of it."""
    return Finding(code=code, detail=detail)


def failure(code: str, history: History, revision: Revision, error: AegisError) -> Finding:
    """A step that failed; which revision it was is told elsewhere."""
    detail = error.message.removeprefix(f'{history.service}: {revision.id} "{revision.message}": ')
    detail = detail.removeprefix("upgrade failed: ").removeprefix("downgrade failed: ")
    return of_error(code, error, detail)


def of_error(code: str, error: AegisError, detail: str = "") -> Finding:
    """One thing that is wrong because of an error, with what is known to help against that one."""
    way_out = error.way_out if isinstance(error, RevisionFailed) else ""
    return Finding(code=code, detail=detail or error.message, hint=way_out)


def not_reached(history: History, revision: Revision, why: str) -> RevisionProof:
    """A revision that was not tried."""
    return replace(describe(history, revision, "not reached"), notes=(why,))
