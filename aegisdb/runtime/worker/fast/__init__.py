"""Ways past SQLAlchemy and psycopg that cost less and do the same; AEGIS_PLAIN_WORKER=1 switches all of them off."""

from __future__ import annotations

ON = True


def switch(on: bool) -> None:  # noqa: FBT001  a switch has two positions
    """Take these ways in this process from now on, or none of them."""
    global ON  # noqa: PLW0603  one process serves one service
    ON = on
