"""Files of revisions that the database has and the checkout has not: there again for as long as they are reverted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import Difference, HistoryError
from aegisdb.files import replace_file
from aegisdb.revisions.parse import scan_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.revisions.history import History


@contextmanager
def brought_back(history: History, rows: tuple[str, ...], sources: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Put the files of what is applied and unknown here into the versions directory until the block ends; their ids.

    `rows` are those of the version table, `sources` the texts that ran, by id. The directory is that of the checkout:
    env.py and what revisions import stand beside it. A run that is killed leaves the files there.

    Raises:
        Difference: one of them, or one that it stands on, has no source, or a file of that name is there.
    """
    directory = history.locations.versions[0]
    texts = dict(_chain(history, rows, sources))
    files = {directory / f"{identifier}.py": text for identifier, text in texts.items()}
    for path in files:
        if path.exists():
            raise Difference(
                f"{history.service}: a file for {path.stem} would be written, but {path.name} exists",
                where=str(path),
                hint="rename that file",
                code="unknown_revision",
            )
    try:
        for path, text in files.items():
            replace_file(path, text)
        yield tuple(texts)
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def _chain(history: History, rows: tuple[str, ...], sources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    todo, seen = list(history.unknown(rows)), set(history.revisions)
    while todo:
        identifier = todo.pop()
        if identifier in seen:
            continue
        seen.add(identifier)
        text = sources.get(identifier)
        try:
            revision = scan_source(text, history.locations.versions[0] / f"{identifier}.py") if text else None
        except HistoryError:
            revision = None
        if text is None or revision is None:
            raise Difference(
                f"{history.service}: the journal of this database has no source of {identifier}",
                hint="check out the branch that has it: invoke doctor looks for it",
                code="unknown_revision",
            )
        yield identifier, text
        todo.extend(revision.parents)
