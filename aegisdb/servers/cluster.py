"""The embedded server's data directory: made whole or not at all, and what can be read from it without a server."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Failed, TimedOut, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.files import read_regular
from aegisdb.processes import run, start, stop
from aegisdb.servers.ext4_spread import spread
from aegisdb.servers.program_copies import passable

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.servers.account import Account
    from aegisdb.servers.binaries import Binaries

_UNFINISHED = "new-"
_DOOMED = "gone-"
_SWEEPS = 50
_INITDB = 300.0  # seconds: it takes one, or ten on a slow disk
_FLUSHING = 600.0

_SETTINGS = {
    # the last commits of a development database may go with the power, its integrity may not
    "synchronous_commit": "off",
    "fsync": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    # statements of a client that was killed end within a second
    "client_connection_check_interval": "1s" if sys.platform == "linux" else "0",
    "log_line_prefix": "'%m [%p] %q%u@%d %a '",
}
_VOLATILE = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


@dataclass(frozen=True)
class Cluster:
    """One data directory, `path`, for one major version; it need not exist yet."""

    path: Path
    binaries: Binaries
    account: Account
    volatile: bool = False
    """A crash of the machine may cost it."""

    @property
    def exists(self) -> bool:
        """Whether initdb has been completed."""
        return (self.path / "PG_VERSION").exists()

    def create(self, login: Address) -> None:
        """Make it with `login` as superuser: initdb in a directory beside it, then a rename. Not yet flushed to disk.

        Raises:
            BadInput: initdb accepts no such role or password.
            Failed: initdb failed; nothing is left behind.
        """
        check_login(login)
        work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.path.parent))
        self.account.own(work)
        try:
            self._initdb(work, login)
            with (work / "data" / "postgresql.conf").open("a") as conf:
                settings = _SETTINGS | (_VOLATILE if self.volatile else {})
                conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
            (work / "data").rename(self.path)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def spread(self) -> None:
        """Let the files of its databases be placed apart; also for data that were made before this was known."""
        spread(self.path / "base")

    def flush(self, at_end: ExitStack | None = None) -> None:
        """Write the files that initdb made to the disk where they have to last; safe beside a running server.

        Waits for it, or lets `at_end` wait, whose block works meanwhile. It goes on where the command is killed, since
        nobody would do it later.

        Raises:
            Failed: they could not be written; at the end of a block that has failed itself, that is not told.
        """
        if self.volatile:
            return
        argv = self.command("initdb", "--sync-only", "-D", str(self.path))
        process = start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, death_signal=None)
        with ExitStack() if at_end is None else nullcontext(at_end) as end:
            end.push(partial(_flushed, process))

    def sweep(self) -> None:
        """Remove what a killed initdb or a killed deletion has left; the caller holds the lock."""
        for pattern in (f"{_UNFINISHED}*", f"{_DOOMED}*"):
            for left in self.path.parent.glob(pattern):
                _remove(left)

    def destroy(self) -> None:
        """Delete it for good; nobody may be using it."""
        doomed = Path(tempfile.mkdtemp(prefix=_DOOMED, dir=self.path.parent))
        self.path.rename(doomed / "data")
        shutil.rmtree(doomed)

    def check_version(self) -> None:
        """Refuse data of another major version.

        Raises:
            Unreachable: `version`, with the ways out; the data is not touched.
        """
        if self.exists:
            found = self._version()
            if found != self.binaries.major:
                raise self._other_version(self.path, found)
            return
        others = [int(p.name) for p in self.path.parent.iterdir() if p.name.isdigit() and (p / "PG_VERSION").exists()]
        if others:
            raise self._other_version(self.path.parent / str(max(others)), max(others))

    def _version(self) -> int:
        file = self.path / "PG_VERSION"
        content = read_regular(file) or b""
        if not content.strip().isdigit():
            raise Unreachable(
                f"{file} is damaged, so nobody knows whose data these are; nothing was touched",
                hint=f"write the data's major version into it, or move {self.path} away and run invoke db.reset",
                where=str(file),
                code="version",
            )
        return int(content)

    def system_identifier(self) -> int | None:
        """The cluster's identity, the first eight bytes of global/pg_control; None without data."""
        try:
            with (self.path / "global" / "pg_control").open("rb") as control:
                (identifier,) = struct.unpack("=Q", control.read(8))
        except (FileNotFoundError, struct.error):
            return None
        return int(identifier)

    def set_login(self, login: Address) -> None:
        """Give the role its password again, and make the role if it is new; the server must be stopped.

        PostgreSQL's single-user mode needs no password. The server's log keeps no word of it.
        """
        from aegisdb.postgres.quoting import quote_ident, quote_literal

        check_login(login)
        role, password = quote_ident(login.user), quote_literal(login.password.reveal())
        # a line is a command here; CREATE fails where the role exists, which is as good
        script = f"CREATE ROLE {role} LOGIN SUPERUSER\nALTER ROLE {role} LOGIN PASSWORD {password}\n"
        quiet = ["-c", "log_min_error_statement=panic", "-c", "log_statement=none"]
        run(self.command("postgres", "--single", "-D", str(self.path), *quiet, "postgres"), stdin=script, timeout=60)

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argv that runs one of PostgreSQL's programs as the account that owns the data."""
        binary = passable(self.binaries, self.account).program(program)
        return self.account.command([str(binary), *arguments], self.path, binary.resolve(), *self.binaries.reached)

    def _initdb(self, work: Path, login: Address) -> None:
        password_file = work / "password"
        password_file.touch(mode=0o600)
        self.account.own(password_file)
        password_file.write_text(login.password.reveal() + "\n")
        locale = ["--encoding=UTF8", "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        auth = ["--auth=scram-sha-256", "-U", login.user, f"--pwfile={password_file}"]
        argv = self.command("initdb", "-D", str(work / "data"), "--no-sync", "--no-instructions", *locale, *auth)
        # naming the time zone spares initdb a search through all of them
        variables = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        done = run(argv, env=variables, timeout=_INITDB)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise Failed(f"initdb failed: {' / '.join(reason[-3:])}", code="initdb", where=str(self.path.parent))

    def _other_version(self, data: Path, found: int) -> Unreachable:
        return Unreachable(
            f"{data} holds the data of PostgreSQL {found}, and the programs in {self.binaries.directory} are "
            f"PostgreSQL {self.binaries.major}; nothing was touched",
            hint=f"to keep the data, name the programs of PostgreSQL {found} as `bindir` of the target; "
            f"to start anew, move or delete {data} and run invoke db.reset",
            where=str(data),
            code="version",
        )


def _remove(left: Path) -> None:
    # an initdb whose command was killed may still be writing for a moment
    for _ in range(_SWEEPS):
        shutil.rmtree(left, ignore_errors=True)
        if not left.exists():
            return
        time.sleep(0.1)


def check_login(login: Address) -> None:
    """Refuse what initdb cannot take.

    Raises:
        BadInput: no user, no password, or a line break in one of them.
    """
    password = login.password.reveal()
    if not login.user or not password:
        raise BadInput(
            "the embedded server needs `database.user` and `database.password`",
            hint="set them in services.yaml, the password usually as ${AEGIS_DB_PASSWORD:-aegis_local}",
            code="login",
        )
    if any(ord(char) < ord(" ") for char in login.user + password):
        raise BadInput("`database.user` or `database.password` has a line break or control character", code="login")
    if login.user.startswith("pg_"):
        raise BadInput(f"`database.user` {login.user!r}: PostgreSQL reserves names that start with pg_", code="login")


def _flushed(process: subprocess.Popen[bytes], failed: type[BaseException] | None, *more: object) -> None:
    """Wait for the end of a flush, and say what is wrong unless something else has failed."""
    del more
    try:
        _, said = process.communicate(timeout=_FLUSHING)
    except subprocess.TimeoutExpired:
        stop(process)
        raise TimedOut(f"initdb --sync-only did not end within {_FLUSHING:g} s and was stopped") from None
    if process.returncode and failed is None:
        told = said.decode(errors="replace").strip().splitlines()
        last = told[-1] if told else "no output"
        raise Failed(f"initdb --sync-only exited with {process.returncode}: {last}", code="program")
