"""The SQL that revisions render in workers of their services, side by side; no server is needed for it."""

from __future__ import annotations

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aegisdb.errors import AegisError
from aegisdb.postgres.address import nowhere
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.lint.rule import Context
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_WIDEST = 8  # services at once: each is a process with its models loaded
_MARK = re.compile(r"^-- Running upgrade .*-> (?P<id>\S+)\n", re.MULTILINE)
_BEGIN = "BEGIN;\n\n"


@dataclass(frozen=True)
class Rendered:
    """The SQL that one service's revisions render, or why there is none."""

    scripts: Mapping[Revision, str]
    refused: Mapping[Revision, str]
    """Revisions that cannot be rendered, and why."""


class Rendering:
    """Renders; whatever leaves the `with` block by an exception ends the workers in the middle of what they do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pool = ThreadPoolExecutor(min(_WIDEST, os.cpu_count() or 1), thread_name_prefix="lint")
        self._sessions: set[Session] = set()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._stopping.set()
            for session in tuple(self._sessions):
                session.interrupt()
        self._pool.shutdown(cancel_futures=True)

    def render(self, wanted: Mapping[str, Sequence[Revision]]) -> list[Rendered]:
        """The SQL of revisions by service, in that order.

        Raises:
            Failed: the worker of a service does not start; of several, the first one.
        """
        if any(self._context.registry.services[service].runner is None for service in wanted):
            # from this thread: the process ends with the thread that started it
            warm_process(self._context.registry)
        return list(self._pool.map(self._service, wanted, wanted.values()))

    def _service(self, service: str, revisions: Sequence[Revision]) -> Rendered:
        history = self._context.good()[service]
        scripts: dict[Revision, str] = {}
        refused: dict[Revision, str] = {}
        session = Session(self._context.registry, history, nowhere(), None, UNRECORDED)
        self._sessions.add(session)
        try:
            with session:
                for chain in chains(revisions):
                    self._chain(session, chain, scripts, refused)
        finally:
            self._sessions.discard(session)
        return Rendered(scripts, refused)

    def _chain(
        self, session: Session, chain: Sequence[Revision], scripts: dict[Revision, str], refused: dict[Revision, str]
    ) -> None:
        """Render revisions that follow each other: in one run of env.py where that says the same as one for each."""
        at_once = _at_once(session, chain) if len(chain) > 1 else None
        if at_once is not None:
            scripts |= dict(zip(chain, at_once, strict=True))
            return
        for revision in chain:
            if self._stopping.is_set():
                return
            try:
                scripts[revision] = _render(session, [revision])
            except AegisError as error:
                refused[revision] = _reason(error)


def chains(revisions: Sequence[Revision]) -> list[list[Revision]]:
    """The revisions in runs of which each one has the one before it as its only parent."""
    found: list[list[Revision]] = []
    for revision in revisions:
        if found and revision.parents == (found[-1][-1].id,):
            found[-1].append(revision)
        else:
            found.append([revision])
    return found


def parts(script: str, ids: Sequence[str]) -> list[str] | None:
    """The script of several revisions cut into one for each; None where it cannot be told where they begin."""
    marks = list(_MARK.finditer(script))
    # a type that one of them creates is not created again by the next ones in the same run
    if [mark["id"] for mark in marks] != list(ids) or "CREATE TYPE" in script.upper():
        return None
    starts = [0]
    for mark in marks[1:]:
        begins = script.endswith(_BEGIN, 0, mark.start())
        starts.append(mark.start() - len(_BEGIN) if begins else mark.start())
    return [script[start:end] for start, end in zip(starts, [*starts[1:], len(script)], strict=True)]


def _at_once(session: Session, chain: Sequence[Revision]) -> list[str] | None:
    try:
        return parts(_render(session, chain), [revision.id for revision in chain])
    except AegisError:
        return None  # one of them cannot be rendered; alone each says for itself


def _render(session: Session, chain: Sequence[Revision]) -> str:
    below = _below(session.history, chain[0])
    return session.render_sql(below, tuple(revision.id for revision in chain), "upgrade")


def _below(history: History, revision: Revision) -> tuple[str, ...]:
    """Rows of the version table before it: its parents, without those that are below another one."""
    parents = revision.parents
    if len(parents) <= 1:
        return parents
    return tuple(p for p in parents if not any(p in history.ancestors((o,)) - {o} for o in parents))


def _reason(error: AegisError) -> str:
    return error.message.splitlines()[0]
