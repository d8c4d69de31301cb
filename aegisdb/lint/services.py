"""Lints services some at a time: they are judged, kept and packed before the next ones, so that memory stays flat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError
from aegisdb.lint.finding_cache import KeptServices
from aegisdb.lint.linter import check_files, check_histories, in_order
from aegisdb.lint.packed import Findings, Packed
from aegisdb.lint.rules.applied_file_changed import gone
from aegisdb.lint.squawk import PORTION, Squawk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aegisdb.lint.rule import Context, Finding
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

    Pick = Callable[[History], Sequence[Revision]]
    Histories = dict[str, History | HistoryError]


@dataclass(frozen=True)
class Report:
    """What was found in all services."""

    findings: Findings
    revisions: int
    """How many files the rules looked into."""
    ignored: int
    notes: tuple[str, ...]
    """What could not be looked at."""


def lint_services(context: Context, histories: Histories, pick: Pick) -> Report:
    """Judge the revisions that `pick` chooses of each history, and each history as a whole.

    Histories leave the mapping as soon as they are judged; `context` has none.

    Raises:
        Failed: squawk failed, or the worker of a service does not start.
    """
    shared = share_folders(histories)
    with Squawk(context.registry) as squawk, KeptServices(context, squawk.key) as kept:
        services = _Services(context, squawk, kept)
        whole = replace(context, histories=histories)
        # which service a file is told of is a question to all of those that have it
        services.survey(replace(whole if shared else context, gone=gone(whole)))
        for name in tuple(histories):
            history = histories.pop(name)
            if not shared:
                services.survey(replace(context, histories={name: history}))
            if not isinstance(history, HistoryError) and (chosen := pick(history)):
                services.add(history, chosen)
        services.judge()
        return services.report(shared=shared)


class _Services:
    """Services one after the other; those of which something has changed wait until they are worth a call of squawk."""

    def __init__(self, context: Context, squawk: Squawk, kept: KeptServices) -> None:
        self._context = context
        self._squawk = squawk
        self._kept = kept
        self._waiting: dict[str, tuple[History, Sequence[Revision]]] = {}
        self._packed: dict[str, Packed] = {}
        self._surveyed: list[Finding] = []
        self._ignored = 0
        self._revisions = 0
        self._notes: list[str] = []

    def survey(self, context: Context) -> None:
        """Look at whole histories."""
        linted = check_histories(context)
        self._surveyed += linted.findings
        self._ignored += linted.ignored

    def add(self, history: History, chosen: Sequence[Revision]) -> None:
        """Judge these revisions of a history, at once or with the next ones."""
        self._revisions += len(chosen)
        known = self._kept.get(history) if _is_all(history, chosen) else None
        if known is not None:
            self._packed[history.service] = known
            return
        self._waiting[history.service] = history, chosen
        if sum(len(revisions) for _, revisions in self._waiting.values()) >= PORTION:
            self.judge()

    def judge(self) -> None:
        """Judge those that wait."""
        portion = {name: chosen for name, (_, chosen) in self._waiting.items()}
        histories = {name: history for name, (history, _) in self._waiting.items()}
        context = replace(self._context, histories=histories, read={}, identities={}, resting=set())
        unsafe = self._squawk.look(context, portion, self._notes) if portion else []
        each = ((name, revision) for name, revisions in portion.items() for revision in revisions)
        linted = check_files(context, each, unsafe)
        found = {name: tuple(findings) for name, findings in groupby(linted.findings, attrgetter("service"))}
        for name, (history, chosen) in self._waiting.items():
            packed = Packed.of(name, found.get(name, ()), linted.hidden.get(name, 0))
            self._packed[name] = packed
            # env.py has a say in what a worker renders: it is asked each time
            if _is_all(history, chosen) and name not in self._squawk.rendered:
                self._kept.put(history, packed)
        self._waiting.clear()

    def report(self, *, shared: bool) -> Report:
        """Tell all of it."""
        ignored = self._ignored + sum(packed.ignored for packed in self._packed.values())
        for name, findings in groupby(in_order(self._surveyed), attrgetter("service")):
            before = self._packed.get(name)
            both = [*findings, *(before.unpacked() if before is not None else ())]
            self._packed[name] = Packed.of(name, in_order(both), 0)
        notes = self._squawk.absent if self._revisions else ()
        return Report(Findings(self._packed.values(), shared=shared), self._revisions, ignored, (*notes, *self._notes))


def _is_all(history: History, chosen: Sequence[Revision]) -> bool:
    return len(chosen) == len(history.revisions)


def share_folders(histories: Mapping[str, History | HistoryError]) -> bool:
    """Whether a folder of one service's revisions is another one's, too, or lies in it."""
    owners: dict[str, str] = {}
    for name, history in histories.items():
        if isinstance(history, HistoryError):
            continue
        for folder in history.beside:
            if owners.setdefault(folder, name) != name:
                return True
    return False
