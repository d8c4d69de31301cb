"""Text view of `doctor`: one block a finding, the command last, where the eye ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Fields, Styled, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.output.blocks import Cell


def doctor(result: Any) -> Iterator[Block]:
    """Show what was fixed, what is wrong, what may be destroyed."""
    for fixed in result.fixed:
        gone = fixed.proof.endswith("gone")
        yield Text(f"{fixed.check}: {fixed.did}; {fixed.proof}", "ok" if gone else "bad")
    left = {(one.check, one.subject): one.why for one in result.left}
    for finding in result.findings:
        yield Text(f"{finding.check}: {finding.what}", "bad" if finding.exit_code else "dim")
        yield Fields(tuple(_pairs(finding, left.get((finding.check, finding.subject), ""))))
    if not result.problems:
        yield Text(f"nothing is wrong ({result.checked} checks)", "ok")
    if any(finding.check in {"server_down", "no_database"} for finding in result.findings):
        return
    disposable = result.disposable or "no: destructive commands are refused"
    yield Fields((("disposable", disposable), *(("against", Styled(reason, "warn")) for reason in result.against)))


def _pairs(finding: Any, left: str) -> Iterator[tuple[str, Cell]]:
    yield from (("  evidence" if n == 0 else "", line) for n, line in enumerate(finding.evidence))
    yield ("  cause", finding.cause)
    if left:
        yield ("  left alone", left)
    yield ("  command", Styled(finding.command, "name"))


VIEWS = {"DoctorResult": doctor}
