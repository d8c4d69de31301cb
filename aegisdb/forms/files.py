"""Steps as revision files: what the service's own template makes of an empty revision, filled in."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.files import replace_file
from aegisdb.forms.step import in_order
from aegisdb.revisions.edited import beside_ids, with_body, with_import, with_paragraph
from aegisdb.revisions.parse import scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aegisdb.forms.step import Backfill, Form, Phase, Sql, Step
    from aegisdb.runtime.session import Session

_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")
_WIDTH = 108
_LONGEST = 200  # characters of a message


@dataclass(frozen=True, kw_only=True)
class StepFile:
    """One revision of a form that was written."""

    path: Path
    revision: str
    step: Step


def write_steps(session: Session, message: str, forms: Sequence[Form], head: str) -> list[StepFile]:
    """Write each step as a revision on top of `head`; none stays where one of them cannot be written."""
    steps = in_order(forms)
    written: list[StepFile] = []
    paths: list[Path] = []
    try:
        for number, step in enumerate(steps, 1):
            path = session.empty(f"{message}: {step.what}"[:_LONGEST], head=head)
            paths.append(path)
            replace_file(path, filled(path.read_text("utf-8"), step, f"Step {number} of {len(steps)}").encode())
            head = scan(path).id
            written.append(StepFile(path=path, revision=head, step=step))
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return written


def filled(text: str, step: Step, place: str) -> str:
    """The text of an empty revision, with what the step does."""
    text = with_body(text, "downgrade", [*_body(step.alone_down, step.down, step.phase)] or ["pass"])
    up = _backfill(step.backfill) if step.backfill else _body(step.alone_up, step.up, step.phase)
    text = with_body(text, "upgrade", [*up])
    said = f"phase = {step.phase!r}\n".replace("'", '"')
    text = beside_ids(text, said + (f"repeatable = {literal(step.repeatable)}\n" if step.repeatable else ""))
    text = with_import(text, "aegisdb") if step.backfill else text
    return with_paragraph(text, textwrap.wrap(f"{place}. {step.says}", _WIDTH, break_on_hyphens=False))


def with_paragraph_of(path: Path, lines: Iterable[str]) -> None:
    """Say this in the file's docstring, behind what the step says."""
    replace_file(path, with_paragraph(path.read_text("utf-8"), lines, behind=2).encode())


def _body(alone: Sequence[Sql], inside: Sequence[Sql], phase: Phase) -> Iterator[str]:
    if alone:
        yield "with op.get_context().autocommit_block():"
        yield from (f"    {line}" for one in alone for line in _executed(one, phase))
    yield from (line for one in inside for line in _executed(one, phase))


def _executed(one: Sql, phase: Phase) -> Iterator[str]:
    if one.harmless:
        rules = "unsafe-ddl" if phase == "contract" else "unsafe-ddl, expand-takes-away"
        yield f"# aegisdb: ignore[{rules}] {one.harmless}"
    # Alembic takes a colon before a word for a parameter
    lines = [literal(line) for line in _lines(_PARAMETER.sub(r"\\:", one.text))]
    if len(lines) == 1:
        yield f"op.execute({lines[0]})"
    else:
        yield from ("op.execute(", *(f"    {line}" for line in lines), ")")


def _lines(text: str) -> list[str]:
    """The text in pieces that fit into a line, and are it again when they are put together."""
    if "\n" in text:
        return text.splitlines(keepends=True)
    if len(text) <= _WIDTH or "'" in text or '"' in text:
        return [text]
    pieces = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"{piece} " for piece in pieces[:-1]] + pieces[-1:] if " ".join(pieces) == text else [text]


def literal(text: str) -> str:
    """The text as Python writes it, in double quotes where it holds none."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown and "\\'" not in shown else shown


def _backfill(wanted: Backfill) -> Iterator[str]:
    yield "aegisdb.backfill("
    yield f"    {literal(wanted.table)},"
    yield f"    set={literal(wanted.set)},"
    yield f"    where={literal(wanted.where)},"
    yield ")"
