"""The protocol of every kind of server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener
    from aegisdb.servers.checkouts import Place


@dataclass(frozen=True)
class Proof:
    """Why a database may be destroyed, read from an open connection (docs/faults.md)."""

    kind: Literal["P1", "P2", "P3"]
    """P1: this project's embedded data directory; P2: this project's compose container; P3: made by the suite."""
    evidence: str
    """The fact, for people: which data directory, container or marker has this system identifier."""


class Server(Protocol):
    """The server of one target."""

    @property
    def kind(self) -> str:
        """The word by which services.yaml chooses it."""

    @property
    def managed(self) -> bool:
        """Whether it is started and stopped here."""

    @property
    def found_at_once(self) -> bool:
        """Whether `address` asks nobody: no other program and no server."""

    @property
    def own(self) -> bool:
        """Whether it serves this project and nothing stands between, so that sessions there are surely ours alone."""

    @property
    def checkouts(self) -> Place:
        """Which of the databases of this server are those of other checkouts."""

    def label(self) -> str:
        """Where it is, for people, without contacting it and without a password."""

    def start(self, listen: Listener, client: Client | None = None, at_end: ExitStack | None = None) -> Address:
        """Start it and wait until it answers over TCP and lets the role log in; does nothing when it runs.

        Returns the address of the registry's database, which need not exist yet. `client` keeps the session that shows
        the login. With `at_end`, files of a new server are on the disk when that ends; otherwise at once.

        Raises:
            Unreachable: it cannot be started; the message says why and what to do.
            Failed: it was started and died; with its last log lines.
            Busy: another process is starting or stopping it for too long.
        """

    def stop(self, *, destroy: bool = False) -> bool:
        """Stop it, and with `destroy` delete its data for good; False when there was nothing to stop or delete.

        The caller has made sure that destroying is allowed: this does not ask.

        Raises:
            Refused: the server of a URL is not ours to stop.
        """

    def has_data(self) -> bool:
        """Whether there is data that `stop(destroy=True)` would delete (or that is a URL's)."""

    def address(self) -> Address:
        """The address of the registry's database on the running server; cheap, no login.

        Raises:
            Unreachable: it does not run.
        """

    def client_address(self) -> Address:
        """The address for other programs, such as an application; raises as `address`."""

    def require_one_database(self) -> None:
        """Refuse to go on where the two addresses lead to two databases.

        Raises:
            Refused: they do; Unreachable: one of them does not answer.
        """

    def free_bytes(self) -> int:
        """Room where its databases are; 0 where that is not known without asking another program."""

    def bindir(self) -> Path | None:
        """The directory of psql and pg_dump that fit this server; None: those on PATH."""

    def disposable(self, conn: Connection, database: str = "") -> Proof | None:
        """P1 or P2 for a database of the server behind this open connection, "" for its own; None without proof."""

    def flush(self) -> tuple[str, ...]:
        """Empty the caches beside the database (Redis) that the target lists; their names."""
