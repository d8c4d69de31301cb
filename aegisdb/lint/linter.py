"""Runs the rules over revision files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from aegisdb.lint import rules as _package
from aegisdb.lint.finding_cache import Verdicts
from aegisdb.lint.ignores import Ignore, ignores
from aegisdb.lint.rule import Context, Finding, RevisionFile, Rule, read_file
from aegisdb.package_lookup import how_to_fix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.revisions.parse import Revision


@dataclass(frozen=True)
class Linted:
    """The findings that are left after the ignores, and how many these hid."""

    findings: tuple[Finding, ...]
    hidden: Mapping[str, int]
    """Service to how many of its own are hidden."""

    @property
    def ignored(self) -> int:
        """How many are hidden in all."""
        return sum(self.hidden.values())


@cache
def rules() -> Mapping[str, Rule]:
    """Every rule by id."""
    found = [import_module(f"{_package.__name__}.{module.name}").RULE for module in iter_modules(_package.__path__)]
    return {rule.id: rule for rule in sorted(found, key=lambda rule: rule.id)}


def check(context: Context, chosen: Iterable[tuple[str, Revision]], more: Iterable[Finding] = ()) -> Linted:
    """Judge the chosen revisions of these services, and everything that concerns whole histories.

    Args:
        context: registry, histories, and what they were before.
        chosen: service and revision of each file to look into, those of a service together.
        more: findings of others about the same files, to which the same ignores apply; known when `chosen` has ended.
    """
    return _checked(context, _surveyed(context), chosen, more)


def check_files(context: Context, chosen: Iterable[tuple[str, Revision]], more: Iterable[Finding] = ()) -> Linted:
    """Judge the chosen revisions alone, as `check`."""
    return _checked(context, (), chosen, more)


def check_histories(context: Context) -> Linted:
    """Judge everything that concerns whole histories, as `check`."""
    return _checked(context, _surveyed(context), (), ())


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings as they are told."""
    return tuple(sorted(findings, key=_place))


def _surveyed(context: Context) -> list[Finding]:
    return [finding for rule in rules().values() if rule.survey for finding in rule.survey(context)]


def _checked(
    context: Context,
    findings: Iterable[Finding],
    chosen: Iterable[tuple[str, Revision]],
    more: Iterable[Finding],
) -> Linted:
    comments: dict[str, tuple[Ignore, ...]] = {}
    found = [*findings, *_of_files(context, chosen, comments), *more]
    kept = {finding: None for finding in found if not _is_ignored(finding, comments, context)}
    hidden = Counter(finding.service for finding in dict.fromkeys(found) if finding not in kept)
    return Linted(in_order(kept), hidden)


def _of_files(
    context: Context, chosen: Iterable[tuple[str, Revision]], comments: dict[str, tuple[Ignore, ...]]
) -> Iterator[Finding]:
    """Findings of the rules that look at one file; with the ignores of each, by its path."""
    for service, revisions in groupby(chosen, key=itemgetter(0)):
        with Verdicts(context, service) as verdicts:
            for _, revision in revisions:
                path = revision.path
                shown = context.shown(path)
                known = verdicts.of(path, shown)
                if known is None:
                    file = read_file(context, service, revision)
                    known = list(_of_file(file, context)), ignores(file.source)
                    if file.shown not in context.resting:
                        verdicts.keep(path, *known)
                comments[shown] = known[1]
                yield from known[0]


def judge(context: Context, chosen: Iterable[tuple[str, Revision]], ids: Sequence[str]) -> tuple[Finding, ...]:
    """What these rules say about the chosen revisions; nothing of it is kept."""
    comments: dict[str, tuple[Ignore, ...]] = {}
    wanted = [rules()[identifier] for identifier in ids]
    found = [
        finding
        for service, revision in chosen
        for finding in _of_file(read_file(context, service, revision), context, wanted)
    ]
    return tuple(finding for finding in found if not _is_ignored(finding, comments, context))


def _of_file(file: RevisionFile, context: Context, wanted: Iterable[Rule] | None = None) -> Iterator[Finding]:
    path = file.revision.path
    for rule in rules().values() if wanted is None else wanted:
        for line, message, *fix in rule.check(file, context) if rule.check else ():
            yield Finding(
                rule=rule.id,
                message=message,
                path=file.shown,
                line=line,
                fix=how_to_fix(path, fix[0] if fix else rule.fix),
                service=file.service,
                last_line=_last_line(file, line),
            )


def _last_line(file: RevisionFile, line: int) -> int:
    """The last line of the innermost statement around a line."""
    around = [n for n in file.statements if n.lineno <= line <= (n.end_lineno or n.lineno)]
    return (around[-1].end_lineno or line) if around and not hasattr(around[-1], "body") else line


def _is_ignored(finding: Finding, comments: dict[str, tuple[Ignore, ...]], context: Context) -> bool:
    if finding.path not in comments:
        path = context.registry.root / finding.path
        readable = path.is_file() and finding.rule != "broken-history"
        comments[finding.path] = ignores(path.read_text(encoding="utf-8", errors="replace")) if readable else ()
    last = max(finding.line, finding.last_line)
    return any(ignore.covers(finding.rule, finding.line, last) for ignore in comments[finding.path])


def _place(finding: Finding) -> tuple[str, str, int, str]:
    return finding.service, finding.path, finding.line, finding.rule
