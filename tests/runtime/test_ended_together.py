"""Sessions are ended together, also where one cannot be ended as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from aegisdb.errors import Unreachable
from aegisdb.runtime.ended_together import EndedTogether

if TYPE_CHECKING:
    from aegisdb.runtime.session import Session

pytestmark = pytest.mark.quick


class _Session:
    def __init__(self, *, lost: bool = False) -> None:
        self.lost = lost
        self.ended = False

    def abort(self) -> None:
        self.ended = True
        if self.lost:
            raise Unreachable("its database was dropped", code="lost")


def test_one_whose_database_is_gone_keeps_no_other_alive() -> None:
    watch, sessions = EndedTogether(), [_Session(lost=True), _Session(), _Session()]
    for session in sessions:
        watch(cast("Session", session))
    watch.stop()
    assert [session.ended for session in sessions] == [True] * 3
    with pytest.raises(KeyboardInterrupt):
        watch(cast("Session", _Session()))
