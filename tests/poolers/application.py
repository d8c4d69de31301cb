"""An application that writes through the same pooler while a test runs, and notes whatever it sees of us."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from aegisdb.postgres.address import Address

SETTINGS = (
    "lock_timeout",
    "statement_timeout",
    "default_transaction_read_only",
    "transaction_read_only",
    "client_min_messages",
    "client_connection_check_interval",
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
    "search_path",
    "tcp_keepalives_idle",
)
_SEEN = "SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)


class Application:
    """Four clients; `wrong` has each failed statement and each setting that is not the server's own."""

    def __init__(self, address: Address) -> None:
        self.wrong: list[str] = []
        self.writes = 0
        self._address = address
        self._over = threading.Event()
        self._expected: tuple[object, ...] = ()

    def _write(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._address.url(), autocommit=True, prepare_threshold=None) as conn:
                    for _ in range(20):
                        conn.execute("INSERT INTO app_writes DEFAULT VALUES")
                        self.writes += 1
                        self._compare(conn.execute(_SEEN.encode()).fetchone() or ())
                        time.sleep(0.01)
            except psycopg.Error as error:
                self.wrong.append(str(error))

    def _compare(self, seen: tuple[object, ...]) -> None:
        for name, value, expected in zip(SETTINGS, seen, self._expected, strict=True):
            if value != expected:
                self.wrong.append(f"{name} = {value}")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write until the end of the block."""
        with psycopg.connect(self._address.url(), autocommit=True) as conn:
            conn.execute(
                "CREATE TABLE IF NOT EXISTS public.app_writes (id int GENERATED ALWAYS AS IDENTITY, at timestamptz)"
            )
            self._expected = conn.execute(_SEEN.encode()).fetchone() or ()
        threads = [threading.Thread(target=self._write) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


@contextmanager
def application(address: Address) -> Iterator[Application]:
    """It writes within the block; afterwards not one statement failed and none saw a setting of ours."""
    running = Application(address)
    with running.at_work():
        yield running
    assert running.writes
    assert running.wrong == []
