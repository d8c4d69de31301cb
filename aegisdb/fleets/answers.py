"""Answers of the members, put together: equal ones are one group, and each problem is told once a group."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from aegisdb.errors import Problem
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import some_of
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from aegisdb.errors import AegisError
    from aegisdb.fleets.asking import Asked
    from aegisdb.members.choice import Chosen

T = TypeVar("T")
_GRAVITY = (2, 5, 1, 6, 3, 7, 4)
"""Exit codes, the gravest first: a fleet that is not what services.yaml says, then what a person must decide."""


@dataclass(frozen=True, kw_only=True)
class MemberAnswer:
    """One member; JSON has all of them."""

    name: str
    labels: Mapping[str, str]
    server: str
    """System identifier of its server; empty where it was not reached."""
    database: str
    answer: str
    """In the words of its group."""
    detail: object
    """What it answered, as the same command says it of one target; null where it gave no answer."""
    error: str
    """Code of the error that it gave instead; empty for none."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """Members with the same answer."""

    answer: str
    members: tuple[str, ...]
    style: str = ""
    """"ok", "warn" or "bad"."""


@dataclass(frozen=True, kw_only=True)
class FleetResult(Result):
    """What the members of a fleet said."""

    fleet: str
    of: int
    """How many members it has; `members` are those that were chosen."""
    shard: str
    groups: tuple[Group, ...]
    members: tuple[MemberAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is to be said of one member's answer; two members whose `key` is the same are of one group."""

    text: str
    key: object
    style: str = "ok"
    problems: tuple[Problem, ...] = ()
    detail: object = None


def put_together(
    fleet: Chosen, asked: Sequence[Asked[T]], say: Callable[[T], Answer], *, also: Sequence[Problem] = ()
) -> FleetResult:
    """Groups, the largest first; every member in its order; problems, the gravest first, `also` among them."""
    answers = [say(one.answer) if one.answer is not None else _of_error(one.error) for one in asked]
    alike: defaultdict[object, list[int]] = defaultdict(list)
    for place, answer in enumerate(answers):
        alike[answer.key].append(place)
    ordered = sorted(alike.values(), key=len, reverse=True)
    groups = tuple(
        Group(
            answer=answers[places[0]].text,
            members=tuple(asked[place].member.name for place in places),
            style=answers[places[0]].style,
        )
        for places in ordered
    )
    problems = [problem for places in ordered for problem in _told(fleet, asked, answers[places[0]], places)]
    problems += [*same_database(asked), *also]
    problems.sort(key=lambda problem: _GRAVITY.index(problem.exit_code) if problem.exit_code in _GRAVITY else -1)
    return FleetResult(
        fleet=fleet.fleet,
        of=fleet.of,
        shard=fleet.shard,
        groups=groups,
        members=tuple(map(_member, asked, answers)),
        problems=tuple(problems),
    )


def _of_error(error: AegisError | None) -> Answer:
    assert error is not None  # noqa: S101  one of the two is there
    reached = "not reached" if error.exit_code == _UNREACHABLE else "no answer"
    return Answer(text=f"{reached} ({error.code})", key=("error", error.code), style="bad", problems=error.problems)


_UNREACHABLE = 7


def _told(fleet: Chosen, asked: Sequence[Asked[T]], answer: Answer, places: Sequence[int]) -> Iterator[Problem]:
    names = [asked[place].member.name for place in places]
    count = f"{len(names)} member{'' if len(names) == 1 else 's'} ({some_of(names)})"
    first = f"{names[0]}: " if len(names) > 1 else ""
    for problem in answer.problems:
        yield Problem(
            code=problem.code,
            message=f"{count}: {first}{problem.message}",
            hint=f"invoke rollout.start --fleet {fleet.fleet}" if problem.code == "pending" else problem.hint,
            where=problem.where,
            exit_code=problem.exit_code,
        )


def same_database(asked: Iterable[Asked[T]]) -> Iterator[Problem]:
    """Members that are one database: whatever is done to the one is done to the other."""
    reached: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for one in asked:
        if one.identity is not None:
            reached[one.identity.key].append(one.member.name)
    for (system, oid), names in reached.items():
        if len(names) > 1:
            yield Problem(
                code="one_database",
                message=f"members {some_of(names)} are one database (system identifier {system}, oid {oid})",
                hint="correct the URL of one of them, or remove it from the fleet",
                exit_code=2,
            )


def _member(one: Asked[T], answer: Answer) -> MemberAnswer:
    return MemberAnswer(
        name=one.member.name,
        labels=one.member.labels,
        server=str(one.identity.system_identifier) if one.identity else "",
        database=one.identity.database if one.identity else "",
        answer=answer.text,
        detail=answer.detail,
        error=one.error.code if one.error else "",
        seconds=round(one.seconds, 3),
    )
