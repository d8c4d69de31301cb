"""The only module that prints: results on stdout, everything else on stderr, secrets on neither.

What it prints is cleaned (aegisdb/plain_text.py), except for scripts, which are for another program.

It holds the process's one masker and its one progress display, because a process has one stdout and one stderr.
"""

from __future__ import annotations

import os
import shutil
import sys
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from aegisdb.errors import Refused
from aegisdb.output.blocks import Script, Styled, Text
from aegisdb.output.layout import layout, paint
from aegisdb.output.masking import Masker
from aegisdb.output.progress_display import ProgressDisplay
from aegisdb.output.spelling import spelled
from aegisdb.plain_text import clean, guarded, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.output.blocks import Block, Cell
    from aegisdb.progress import Event

_LINES = 500  # at a time: each flush is a system call, and lint has said 400,000 lines

mask = Masker()
"""Learns every password of the registry; each line goes through it."""

# what our own texts use; names out of a database fall back to escapes
_WITHOUT_UNICODE = str.maketrans(
    {"✓": "+", "✗": "x", "→": "->", "←": "<-", "…": "...", "—": "-", "·": "-", "•": "*", "●": "*", "○": "o",
     "─": "-", "│": "|", "├": "|", "└": "`", "╮": "\\", "╯": "/", "“": '"', "”": '"'}
)  # fmt: skip


def said(text: str) -> str:
    """Return a text without secrets, its commands spelled as this person types them."""
    return spelled(mask(text))


def out(text: str, *, masked: bool = True) -> None:
    """Print a line on stdout; a reader that went away ends the printing, not the command.

    Raises:
        OSError: stdout takes no more for another reason (a full disk).
    """
    _write(sys.stdout, _shown(text) if masked else guarded(clean(text)))


def note(*parts: Cell) -> None:
    """Print a line on stderr, made of plain and styled parts."""
    _progress.pause()
    colour = colours(sys.stderr)
    cells = (part if isinstance(part, Styled) else Styled(part) for part in parts)
    _write(sys.stderr, guarded("".join(paint(clean(said(cell.text)), cell.style, colour=colour) for cell in cells)))
    _progress.resume()


def show(blocks: Iterable[Block], *, masked: bool = True) -> None:
    """Print blocks on stdout, as wide as its terminal is."""
    if _is_terminal(sys.stdout):  # nobody pipes it into a program
        blocks = (Text(block.text, verbatim=True) if isinstance(block, Script) else block for block in blocks)
    lines = layout(blocks, width=_width(sys.stdout), colour=colours(sys.stdout))
    while portion := list(islice(lines, _LINES)):
        _write(sys.stdout, _said(portion) if masked else "\n".join(portion))


def _said(lines: list[str]) -> str:
    """Say each line, as `said`."""
    text = "\n".join(lines)
    # what hides nothing in all of them hides nothing in one; a secret may seem to go on in the next line
    return spelled(text) if mask(text) == text else "\n".join(map(said, lines))


def ask(prompt: str) -> str:
    """Ask a person on the terminal for a line; end of input gives an empty answer.

    Raises:
        Refused: nobody can be asked, because stdin or stderr is no terminal.
    """
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        raise Refused(
            "this needs a typed confirmation, and there is no terminal to ask on",
            hint="run it in a terminal",
            code="no_tty",
        )
    _progress.pause()
    sys.stderr.write(_encodable(_shown(prompt), sys.stderr.encoding) + " ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    _progress.resume()
    return answer.strip()


def listen(event: Event) -> None:
    """Show progress; a command of less than a second shows none."""
    _progress(event)


def end_progress() -> None:
    """Take the display away before a result is printed."""
    _progress.close()


def colours(stream: TextIO | None) -> bool:
    """Whether this stream gets colours: a terminal does, unless NO_COLOR or TERM=dumb says otherwise."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or _is_terminal(stream)


def occupy_standard_streams() -> None:
    """Open /dev/null where 0, 1 or 2 is closed: the next file or socket would take its place and be printed into."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _width(stream: TextIO | None) -> int | None:
    if _is_terminal(stream) or os.environ.get("COLUMNS"):
        return max(shutil.get_terminal_size().columns, 20)
    return None


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_WITHOUT_UNICODE).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(_encodable(text, stream.encoding) + "\n")
        stream.flush()
    except OSError as error:
        # Python flushes once more at exit, would complain and exit with 120: give it somewhere to flush to
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            raise


def _shown(text: str) -> str:
    return guarded(clean(said(text)))


def _progress_text(text: str) -> str:
    return guarded(one_line(mask(text)))


def _progress_line(text: str) -> None:
    _write(sys.stderr, _progress_text(text))


_progress = ProgressDisplay(
    write=_progress_line,
    mask=_progress_text,
    live=lambda: _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb",
)
