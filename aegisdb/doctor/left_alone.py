"""Checks that `doctor --fix` leaves alone, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.doctor.finding import Check, Finding

_FILES = "it never writes, edits or restores a file"
_SCHEMA = "it never changes or drops what revisions or people made"
_SHELL = "it cannot change the shell or the machine that it is called from"
_USED = "others may still need it"
REASONS: Mapping[str, str] = {
    "clone": _USED,
    "checkout": _USED,
    "lock": "its holder may still do something",
    "half_applied": "only a person knows whether what it committed counts as done",
    "prepared": "only who prepared it knows whether it is to be committed",
    "collation": "REINDEX locks each table for as long as it takes",
    "route": "what stands between belongs to others",
    "old_server": _SHELL,
    "shared_version_table": _SCHEMA,
    "does_not_build": _FILES,
    "behind": "it never migrates",
    "never_ran": "it never migrates",
    "drift": _SCHEMA,
    "unowned": _SCHEMA,
    "public_password": _FILES,
    "left_over": _SHELL,
}
_NOT_HERE = "the fix for findings of this kind is not safe here"


@dataclass(frozen=True, kw_only=True)
class Left:
    """A finding that stays, with the reason."""

    check: str
    subject: str
    why: str


def left_alone(
    findings: Iterable[Finding], checks: Iterable[Check], tried: Iterable[tuple[str, str]]
) -> tuple[Left, ...]:
    """Return findings that no fix was tried for, with the reason."""
    fixable = {check.name for check in checks if check.fix is not None}
    known = set(tried)
    return tuple(
        Left(check=one.check, subject=one.subject, why=reason(one.check, fixable=one.check in fixable))
        for one in findings
        if (one.check, one.subject) not in known
    )


def reason(check: str, *, fixable: bool) -> str:
    """Say why a finding of this kind is left alone; kinds without an entry are about files."""
    return REASONS.get(check, _NOT_HERE if fixable else _FILES)
