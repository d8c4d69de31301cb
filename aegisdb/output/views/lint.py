"""Text views of `migrate.lint`, `migrate.rebase` and `ci`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Script, Styled, Text, duration, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.blocks import Style

_STATES: dict[str, Style] = {"ok": "ok", "failed": "bad", "skipped": "dim"}


def lint(result: Any) -> Iterator[Block]:
    """What was fixed; a finding a line, its fix below; then what was looked at."""
    for fixed in result.fixed:
        if fixed.why:
            yield Text(f"{fixed.path} is left as it is: {fixed.why}", "warn")
            continue
        became = "removed, all of it is in these steps" if fixed.removed else "written again"
        yield Text(f"{fixed.path}: {became}, proven to lead to the same schema", "ok")
        yield from steps(fixed.steps)
    for finding in result.findings:
        yield Text(f"{finding.where} {finding.rule}", "name")
        yield Text(f"  {finding.message}")
        yield Text(f"  → {finding.fix}", "dim")
    yield from (Text(note, "warn") for note in result.notes)
    yield from (Script(line) for line in result.annotations)
    hidden = f", {_counted(result.ignored, 'finding')} ignored with a reason" if result.ignored else ""
    looked = f"{_counted(result.revisions, 'revision')} ({result.scope}){hidden}"
    yield Text(f"clean: {looked}", "ok") if not result.findings else Text(f"looked at {looked}", "dim")
    if result.report:
        yield Text(f"written: {result.report}", "dim")


def steps(found: Any) -> Iterator[Block]:
    """Revisions of unsafe changes in steps, with their locks."""
    for step in found:
        yield Text(step.path or "  and behind it", "name")
        yield Text(f"  {step.phase}: {step.what}")
        yield from (Text(f"  {lock}") for lock in step.locks)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def rebase(result: Any) -> Iterator[Block]:
    """Show which revision points where now."""
    if not result.moved:
        yield Text(f"{result.service} has one head: {', '.join(result.heads) or 'no revisions'}", "ok")
        return
    word = "would revise" if result.planned else "revises"
    for moved in result.moved:
        yield Text(moved.file, "name")
        yield Text(f"  {moved.revision} {word} {moved.after}, not {moved.before or 'nothing'}")
    if not result.planned:
        yield Text(f"{result.service} has one head: {', '.join(result.heads)}", "ok")
        yield Text(f"prove it: invoke migrate.roundtrip --service {result.service}", "dim")


def ci(result: Any) -> Iterator[Block]:
    """Show the stages as a table, and where the reports are."""
    yield table(
        ["stage", "state", "what", "time#"],
        ([s.name, Styled(s.state, _STATES[s.state]), s.summary, duration(s.seconds)] for s in result.stages),
    )
    yield from (Script(line) for line in result.annotations)
    yield Text(f"written: {', '.join(result.reports)}", "dim")


VIEWS = {"LintResult": lint, "RebaseResult": rebase, "CiResult": ci}
