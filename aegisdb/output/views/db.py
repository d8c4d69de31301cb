"""Text views of the db tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Fields, Styled, Text, duration

if TYPE_CHECKING:
    from collections.abc import Iterator


def release(number: int) -> str:
    """180006 is PostgreSQL 18.6."""
    return f"PostgreSQL {number // 10000}.{number % 10000}"


def up(result: Any) -> Iterator[Block]:
    """A server that answers, and whether the database is there yet."""
    yield Text(f"{release(result.version)} answers after {duration(result.seconds)}", "ok")
    yield Fields((("url", result.address),))
    if not result.database_exists:
        yield Text("the database does not exist yet: invoke db.reset makes it", "warn")


def down(result: Any) -> Iterator[Block]:
    """What stopped and what is gone."""
    if result.data_deleted:
        yield Text("stopped, and all of its data deleted", "ok")
        yield Fields((("allowed by", Styled(result.proof, "dim")),))
    elif result.stopped:
        yield Text("stopped; its data stays (invoke db.up starts it again)", "ok")
    else:
        yield Text("it was not running")


VIEWS = {"UpResult": up, "DownResult": down}
