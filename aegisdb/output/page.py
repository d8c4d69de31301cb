"""One self-contained HTML page of what `report` gathered: no script, no asset from elsewhere, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from aegisdb.output import console
from aegisdb.output.blocks import Block, Cell, Fields, Script, Styled, Table, Text
from aegisdb.output.page_style import STYLE
from aegisdb.output.views import blocks_of
from aegisdb.pictures.canvas import MADE_BY
from aegisdb.plain_text import clean, guarded
from aegisdb.reporting import write_report
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.errors import Problem
    from aegisdb.workflows.report import Gathered, Section


@dataclass(frozen=True, kw_only=True)
class ReportResult(Result):
    """Where the page is. It tells what is wrong and does not judge: that is what `ci` is for."""

    file: str
    bytes: int
    findings: dict[str, int]
    """Sections with something wrong in them, and how many things."""


def write_page(gathered: Gathered) -> ReportResult:
    """Write the page; passwords are masked as on the terminal."""
    text = guarded(clean(console.mask(page(gathered))))
    write_report(gathered.path, text)
    findings = {section.title: len(section.problems) for section in gathered.sections if section.problems}
    return ReportResult(file=str(gathered.path), bytes=len(text.encode()), findings=findings)


def page(gathered: Gathered) -> str:
    """The page's text."""
    title = f"{gathered.project}: target {gathered.target}"
    facts = (gathered.where, f"{gathered.made:%Y-%m-%d %H:%M} UTC", gathered.source)
    body = "".join(
        f'<section id="s{number}">{"".join(_section(section))}</section>\n'
        for number, section in enumerate(gathered.sections)
    )
    return (
        f'<!DOCTYPE html>\n<!-- {MADE_BY} -->\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{escape(title)}</h1>"
        f"<p>{' · '.join(escape(fact) for fact in facts if fact)}</p></header>\n"
        f"<nav>{''.join(_tile(n, section) for n, section in enumerate(gathered.sections))}</nav>\n"
        f"<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _tile(number: int, section: Section) -> str:
    seen = bool(section.results or section.svg)
    kind = "bad" if section.problems else "ok" if seen else "dim"
    count = len(section.problems)
    word = f"{count} finding{'s' if count > 1 else ''}" if count else "in order" if section.results else "drawn"
    word = word if seen or count else "not run"
    return f'<a href="#s{number}" class="p-{kind}"><b>{escape(section.title)}</b>{word}</a>'


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)} <code>invoke {escape(section.command)}</code></h2>"
    if section.note:
        yield f'<p class="p-note">{escape(section.note)}</p>'
    for result in section.results:
        for block in blocks_of(result, section.command):
            yield from _block(block)
    if section.problems:
        yield f'<ul class="p-problems">{"".join(map(_problem, section.problems))}</ul>'
    if section.svg:
        yield f'<div class="p-picture" tabindex="0">{section.svg}</div>'


def _problem(problem: Problem) -> str:
    first, _, rest = problem.message.partition("\n")
    where = f" <code>{escape(problem.where)}</code>" if problem.where else ""
    hint = f" → {escape(problem.hint)}" if problem.hint else ""
    detail = f"<pre>{escape(rest)}</pre>" if rest else ""
    return f"<li><b>{escape(problem.code)}</b>{where} {escape(first)}{hint}{detail}</li>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        yield _text(block)
    elif isinstance(block, Script):
        yield f"<pre>{escape(block.text)}</pre>"
    elif isinstance(block, Fields):
        pairs = "".join(f"<dt>{escape(name)}</dt><dd>{_cell(value)}</dd>" for name, value in block.pairs)
        yield f"<dl>{pairs}</dl>"
    else:
        yield from _table(block)


def _text(block: Text) -> str:
    if not block.text.strip():
        return ""
    if block.verbatim:
        return f"<pre>{escape(block.text)}</pre>"
    if block.style == "heading":
        return f"<h3>{escape(block.text)}</h3>"
    return f'<p class="p-{block.style}">{escape(block.text)}</p>' if block.style else f"<p>{escape(block.text)}</p>"


def _table(block: Table) -> Iterator[str]:
    if block.title:
        yield f"<h3>{escape(block.title)}</h3>"
    names = [column.removesuffix("#") for column in block.columns]
    right = [' class="p-right"' if column.endswith("#") else "" for column in block.columns]
    head = "".join(f"<th{css}>{escape(name)}</th>" for name, css in zip(names, right, strict=True))
    yield f'<div class="p-scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in block.rows:
        # on a narrow screen each cell says which column it is
        cells = (
            f'<td data-column="{escape(name)}"{css}>{_cell(cell)}</td>'
            for name, css, cell in zip(names, right, row, strict=True)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Styled) and cell.style:
        return f'<span class="p-{cell.style}">{escape(cell.text)}</span>'
    return escape(cell.text if isinstance(cell, Styled) else cell)
