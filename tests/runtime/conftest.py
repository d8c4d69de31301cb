"""Workers of both kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", params=["fast", "plain"])
def either_worker(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a module's tests twice: with the ways past SQLAlchemy and psycopg, and without them."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "plain":
            patch.setenv("AEGIS_PLAIN_WORKER", "1")
        yield request.param
