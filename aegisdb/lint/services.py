"""Lints services some at a time: they are judged, kept and packed before the next ones, so that memory stays flat."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from aegisdb.background import in_fork, may_fork
from aegisdb.errors import HistoryError
from aegisdb.lint.finding_cache import KeptServices
from aegisdb.lint.linter import check_files, check_histories, in_order
from aegisdb.lint.packed import Findings, Packed
from aegisdb.lint.rules.applied_file_changed import gone
from aegisdb.lint.squawk import PORTION, Squawk
from aegisdb.revisions.history import Everything

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
        second = {} if shared or not may_fork() else _second_half(histories, pick, kept)
        if second:
            for name in second:
                del histories[name]
            with in_fork(partial(judge_services, context, second, pick, kept)) as judged_there:
                services.judge_all(histories, pick, shared=shared)
                services.take(judged_there())
        else:
            services.judge_all(histories, pick, shared=shared)
        return services.report(shared=shared)


def _second_half(histories: Histories, pick: Pick, kept: KeptServices) -> Histories:
    """The services that another process may judge meanwhile; none where there is little to judge."""
    new = {n: h for n, h in histories.items() if not isinstance(h, HistoryError) and kept.get(h) is None}
    ends = list(accumulate(len(history.revisions) for history in new.values()))
    if not ends or ends[-1] < 2 * PORTION or not isinstance(pick(next(iter(new.values()))), Everything):
        return {}
    last = list(new)[bisect_left(ends, ends[-1] / 2)]
    names = list(histories)
    return {name: histories[name] for name in names[names.index(last) + 1 :]}


def judge_services(context: Context, histories: Histories, pick: Pick, kept: KeptServices) -> Judged:
    """Judge some of the services; raises as `lint_services`."""
    with Squawk(context.registry) as squawk:  # its files have a folder of their own
        services = _Services(context, squawk, kept)
        services.judge_all(dict(histories), pick, shared=False)
        return services.judged


@dataclass
class Judged:
    """The findings of some services, as plain data."""

    packed: dict[str, Packed] = field(default_factory=dict)
    listings: dict[str, str] = field(default_factory=dict)
    """Listings of services whose findings may be kept: another process tells who keeps them."""
    surveyed: list[Finding] = field(default_factory=list)
    ignored: int = 0
    revisions: int = 0
    notes: list[str] = field(default_factory=list)


class _Services:
    """Services one after the other; those of which something has changed wait until they are worth a call of squawk."""

    def __init__(self, context: Context, squawk: Squawk, kept: KeptServices) -> None:
        self.judged = Judged()
        self._context = context
        self._squawk = squawk
        self._kept = kept
        self._waiting: dict[str, tuple[History, Sequence[Revision]]] = {}

    def survey(self, context: Context) -> None:
        """Look at whole histories."""
        linted = check_histories(context)
        self.judged.surveyed += linted.findings
        self.judged.ignored += linted.ignored

    def judge_all(self, histories: Histories, pick: Pick, *, shared: bool) -> None:
        """Judge these histories, each of which leaves the mapping."""
        for name in tuple(histories):
            history = histories.pop(name)
            if not shared:
                self.survey(replace(self._context, histories={name: history}))
            if not isinstance(history, HistoryError) and (chosen := pick(history)):
                self._add(history, chosen)
        self._judge()

    def take(self, other: Judged) -> None:
        """Add what was found in other services."""
        mine = self.judged
        mine.packed |= other.packed
        for name, listing in other.listings.items():
            self._kept.put(listing, other.packed[name])
        mine.surveyed += other.surveyed
        mine.ignored += other.ignored
        mine.revisions += other.revisions
        mine.notes += other.notes

    def _add(self, history: History, chosen: Sequence[Revision]) -> None:
        """Judge these revisions of a history, at once or with the next ones."""
        self.judged.revisions += len(chosen)
        known = self._kept.get(history) if _is_all(history, chosen) else None
        if known is not None:
            self.judged.packed[history.service] = known
            return
        self._waiting[history.service] = history, chosen
        if sum(len(revisions) for _, revisions in self._waiting.values()) >= PORTION:
            self._judge()

    def _judge(self) -> None:
        """Judge those that wait."""
        portion = {name: chosen for name, (_, chosen) in self._waiting.items()}
        histories = {name: history for name, (history, _) in self._waiting.items()}
        context = replace(self._context, histories=histories, read={}, identities={}, resting=set())
        unsafe = self._squawk.look(context, portion, self.judged.notes) if portion else []
        each = ((name, revision) for name, revisions in portion.items() for revision in revisions)
        linted = check_files(context, each, unsafe)
        found = {name: tuple(findings) for name, findings in groupby(linted.findings, attrgetter("service"))}
        for name, (history, chosen) in self._waiting.items():
            self.judged.packed[name] = Packed.of(name, found.get(name, ()), linted.hidden.get(name, 0))
            # env.py has a say in what a worker renders: it is asked each time
            if history.listing and _is_all(history, chosen) and name not in self._squawk.rendered:
                self.judged.listings[name] = history.listing
                self._kept.put(history.listing, self.judged.packed[name])
        self._waiting.clear()

    def report(self, *, shared: bool) -> Report:
        """Tell all of it."""
        packed, found = self.judged.packed, self.judged
        ignored = found.ignored + sum(one.ignored for one in packed.values())
        for name, findings in groupby(in_order(found.surveyed), attrgetter("service")):
            before = packed.get(name)
            both = [*findings, *(before.unpacked() if before is not None else ())]
            packed[name] = Packed.of(name, in_order(both), 0)
        notes = self._squawk.absent if found.revisions else ()
        return Report(Findings(packed.values(), shared=shared), found.revisions, ignored, (*notes, *found.notes))


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
