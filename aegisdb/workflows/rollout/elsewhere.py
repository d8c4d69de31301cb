"""Turns of a rollout taken by the workers of an engine.

A worker opens services.yaml by itself, at the same path and with variables of its own: what goes there are names, the
record and hashes, and no URL. How a turn ended is read from the member, whatever the engine says about it. An engine
that begins a turn once more finds the first one's claim there, its lock, or what it has left.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.engines.choice import engine
from aegisdb.engines.other_side import code_of_aegisdb, this_worker
from aegisdb.errors import AegisError, Refused, Unreachable
from aegisdb.fleets.asking import chosen
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.rollout.claims import Turn
from aegisdb.workflows.rollout.looking import require_same_files
from aegisdb.workflows.rollout.result import NOT_REACHED, REFUSED, MemberTurn, turn
from aegisdb.workflows.rollout.run import Engine
from aegisdb.workflows.rollout.turn import take_turn
from aegisdb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.members.choice import Member
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workspace import Workspace

Databases = dict[str, tuple[int, int]]
"""By member, system identifier and oid of its database."""


@dataclass(frozen=True)
class Place:
    """A rollout, in words that mean the same to every process which has the same files."""

    registry: str
    record: Record
    accept: str
    lock_wait: float
    code: str


@contextmanager
def turns_on(
    name: str,
    ws: Workspace,
    record: Record,
    accept: str,
    databases: Mapping[str, tuple[int, int]],
    heard: Mapping[str, tuple[str, ...]],
) -> Iterator[Engine]:
    """The engine of this name; threads of this process without one.

    Raises:
        UsageError: there is no such engine; Unreachable: it does not answer.
    """
    if not name:
        yield Engine()
        return
    place = Place(str(ws.registry.path), record, accept, ws.lock_wait, code_of_aegisdb())
    with engine(name) as there:
        yield Engine(
            lambda _: nullcontext(there.executor),
            lost=(Exception,),
            turn=partial(take_turn_there, place, dict(databases), dict(heard)),
            width=there.width,
            alive=there.alive,
        )


def take_turn_there(
    place: Place, databases: Databases, heard: dict[str, tuple[str, ...]], stage: str, member: Member
) -> MemberTurn:
    """Take a member's turn in a worker's process; where it may not, that is how the turn ended."""
    try:
        ws = _opened(place)
        mine = next((one for one in chosen(ws).members if one.name == member.name), None)
        if mine is None:
            raise _other(f"knows no member {member.name}")
        with ws.of_member(mine).connect() as conn:
            if conn.identity().key != databases[member.name]:
                raise _other(f"sees another database as {member.name}")
    except Unreachable as error:
        return turn(member.name, stage, Turn(NOT_REACHED, f"{error.code}: {error.message}"))
    except AegisError as error:
        return turn(member.name, stage, Turn(REFUSED, f"{error.code}: {error.message}"))
    return take_turn(ws, place.record, place.accept, heard.get(member.name, ()), stage, mine)


@lru_cache(maxsize=1)
def _opened(place: Place) -> Workspace:
    if place.code != code_of_aegisdb():
        raise _other("has another aegisdb")
    path, record = Path(place.registry), place.record
    ws = open_workspace(
        fleet=record.fleet,
        match=record.match,
        shard=record.shard,
        cwd=path.parent,
        environ={**os.environ, "AEGIS_REGISTRY": str(path)},
        lock_wait=place.lock_wait,
    )
    require_same_files(ws, record)
    warm_process(ws.registry)
    return ws


def _other(what: str) -> Refused:
    return Refused(f"{this_worker()} {what}", code="engine_differs")
