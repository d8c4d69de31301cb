"""Every error that a user can meet, with its exit code.

    AegisError
    ├── Failed              1    something was tried and failed; the state is named
    │   ├── TimedOut             it took longer than it may
    │   ├── StatementFailed      one SQL statement, with SQLSTATE
    │   └── RevisionFailed       one revision, with file, line and statement
    ├── BadInput            2    usage, registry, files: nothing was contacted
    │   ├── UsageError
    │   ├── RegistryError        all faults of services.yaml at once
    │   └── HistoryError         unreadable or contradictory revision files
    │       └── MissingParent    a file revises one that is not there
    ├── Refused             3    refused for safety, nothing changed
    ├── Busy                4    somebody holds it; safe to retry, nothing changed
    │   └── InUse                sessions are on the database
    ├── Dirty               5    a run died half-way; needs a decision
    ├── Difference          6    a check found a difference; `code` says which
    ├── Unreachable         7    no server; nothing changed
    │   ├── NotRunning           it is not started
    │   ├── NoAnswer             nothing answers at that host and port
    │   ├── LoginRefused         it answers, but not to this role, password or place
    │   ├── TlsRefused           the two sides do not agree about TLS
    │   ├── CertificateRefused   one side does not trust the other's certificate
    │   ├── NoDatabase           it answers, and has no such database
    │   └── DatabaseClosed       it answers, and the database accepts no connections
    └── Interrupted         130 or 143

An exception that is not in this tree is a bug: it keeps its traceback and exits with 70.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors.base import AegisError
from aegisdb.errors.unreachable import (
    CertificateRefused,
    DatabaseClosed,
    DatabaseRenamed,
    LoginRefused,
    NoAnswer,
    NoDatabase,
    NotRunning,
    TlsRefused,
    Unreachable,
)
from aegisdb.fast_dataclass import dataclass
from aegisdb.results import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

BUG_EXIT_CODE = 70


class Failed(AegisError):
    """Something was tried and failed; the message names the state that it left."""


class BrokenServices(Failed):
    """Some services cannot be built; each of them says why.

    Attributes:
        errors: by service.
    """

    default_code = "broken_services"

    def __init__(self, errors: Mapping[str, AegisError], *, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.errors = dict(errors)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with each of them, and last what can be done without them."""
        each = tuple(problem for error in self.errors.values() for problem in error.problems)
        return (*each, *super().problems)


class TimedOut(Failed):
    """Something took longer than it may, and was stopped."""

    default_code = "timeout"


class StatementFailed(Failed):
    """A SQL statement failed.

    Attributes:
        sqlstate: PostgreSQL's five-character code, empty when the server gave none.
        statement: the SQL, passwords removed.
    """

    default_code = "statement_failed"

    def __init__(
        self, message: str, *, sqlstate: str = "", statement: str = "", hint: str = "", where: str = ""
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.sqlstate = sqlstate
        self.statement = statement


class RevisionFailed(Failed):
    """One revision failed; the message names service, file:line, statement and SQLSTATE."""

    default_code = "revision_failed"
    way_out = ""
    """What to do about this very failure, where that is known; the hint may only name the file and the next command."""


class BadInput(AegisError):
    """Usage, registry or files are wrong; nothing was contacted."""

    exit_code = 2
    default_code = "bad_input"


class UsageError(BadInput):
    """A flag or an argument of the command is wrong."""

    default_code = "usage"


@dataclass(frozen=True)
class Fault:
    """A fault of services.yaml with its place (1-based line and column)."""

    where: str
    message: str
    hint: str = ""


class RegistryError(BadInput):
    """services.yaml is wrong; `faults` lists everything that is wrong with it."""

    default_code = "registry"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults[0].message, hint=faults[0].hint, where=faults[0].where)
        self.faults = faults

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The faults as problems, one for each."""
        return tuple(
            Problem(code=self.code, message=f.message, hint=f.hint, where=f.where, exit_code=self.exit_code)
            for f in self.faults
        )


class HistoryError(BadInput):
    """Revision files of one service cannot be read or contradict each other."""

    default_code = "history"


class BadPhase(HistoryError):
    """A revision file says a phase that there is not, so nobody knows when it may be applied."""

    default_code = "phase"


class MissingParent(HistoryError):
    """A revision file revises one that no file has."""

    default_code = "missing_parent"


class Refused(AegisError):
    """Refused for safety; nothing changed."""

    exit_code = 3
    default_code = "refused"


class TooFewSessions(Refused):
    """The server, or a pooler before it, gives us fewer sessions at once than are needed."""

    default_code = "pool_size"


class Busy(AegisError):
    """Somebody else holds what is needed; nothing changed, safe to retry."""

    exit_code = 4
    default_code = "busy"


class InUse(Busy):
    """Sessions are on a database that must be nobody's for a moment."""

    default_code = "in_use"


class Dirty(AegisError):
    """An earlier run died half-way and something of it was committed; a person must decide."""

    exit_code = 5
    default_code = "dirty"


class Difference(AegisError):
    """A check found a difference; `code` says which kind."""

    exit_code = 6
    default_code = "difference"


class Interrupted(AegisError):
    """Ctrl-C (130) or SIGTERM (143); `result` says what was done and what was rolled back."""

    exit_code = 130
    default_code = "interrupted"


class Terminated(Interrupted):
    """SIGTERM."""

    exit_code = 143


__all__ = [
    "BUG_EXIT_CODE",
    "AegisError",
    "BadInput",
    "Busy",
    "CertificateRefused",
    "DatabaseClosed",
    "DatabaseRenamed",
    "Difference",
    "Dirty",
    "Failed",
    "Fault",
    "HistoryError",
    "InUse",
    "Interrupted",
    "LoginRefused",
    "MissingParent",
    "NoAnswer",
    "NoDatabase",
    "NotRunning",
    "Problem",
    "Refused",
    "RegistryError",
    "RevisionFailed",
    "StatementFailed",
    "Terminated",
    "TimedOut",
    "TlsRefused",
    "TooFewSessions",
    "Unreachable",
    "UsageError",
]
