"""The error that all others are, and how it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from aegisdb.results import Problem

if TYPE_CHECKING:
    from aegisdb.results import Result


class AegisError(Exception):
    """Base of the tree: a message, a hint (how to fix it), a place and an exit code.

    `code` is stable and documented in docs/errors.md; `result` carries what was done before a partial failure.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        where: str = "",
        code: str = "",
        result: Result | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.code = code or self.default_code
        self.result = result
        self.service = ""
        """Whose history could not be built, where that is what failed."""

    def amended(self, *, message: str = "", hint: str = "", where: str = "", result: Result | None = None) -> Self:
        """Make the same error with another message, hint, place or result, to raise instead; what is left out stays."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.message = message or self.message
        other.hint = hint or self.hint
        other.where = where or self.where
        other.result = result or self.result
        other.args = (other.message,)
        other.__cause__ = self.__cause__
        other.__suppress_context__ = self.__suppress_context__
        return other.with_traceback(self.__traceback__)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come out of another process as it went in, whatever its class is made with."""
        return _again, (type(self), self.args, vars(self))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Tell the facts as data; one problem unless a subclass collects several."""
        problem = Problem(
            code=self.code, message=self.message, hint=self.hint, where=self.where, exit_code=self.exit_code
        )
        return (problem,)


def _again(kind: type[AegisError], args: tuple[Any, ...], facts: dict[str, Any]) -> AegisError:
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error
