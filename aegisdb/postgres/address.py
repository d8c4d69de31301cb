"""Where a database is and how to log in, with a password that never shows."""

from __future__ import annotations

from dataclasses import field, replace
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aegisdb.errors import BadInput, Refused
from aegisdb.fast_dataclass import dataclass

_DEFAULT_PORT = 5432
_SECRET = {"sslpassword"}


class Secret:
    """A text that is never printed: `str` and `repr` show `***`; `reveal()` is the only way out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        msg = "a Secret is never pickled: it would reach a file"
        raise TypeError(msg)


@dataclass(frozen=True)
class Address:
    """One database on one server. `str()` shows `user@host:port/database`, never the password."""

    host: str
    port: int
    user: str
    password: Secret
    database: str
    parameters: tuple[tuple[str, str], ...] = ()
    """libpq parameters of the URL's query, such as sslmode."""
    socket: str = field(default="", compare=False, repr=False)
    """Directory of a Unix socket of the same server that lets this user in without a password; empty for none."""
    ours: bool = field(default=False, compare=False, repr=False)
    """`invoke db.up` starts the server: it is embedded or compose, and on this machine."""

    @classmethod
    def from_url(cls, url: str) -> Address:
        """Read `postgresql://user:password@host:port/database?sslmode=require`.

        A SQLAlchemy driver (`postgresql+asyncpg://`) is dropped. Nothing of the URL is echoed in an error.

        Raises:
            BadInput: not a PostgreSQL URL, or a raw `@ / # [ %` in the password, with how to encode it.
            Refused: it names a service, so its text does not say which server it leads to.
        """
        hint = (
            "write postgresql://user:password@host:port/database with @ / # [ % in the password as %40 %2F %23 %5B %25"
        )
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORT
        except ValueError:
            raise BadInput("the database URL cannot be read", hint=hint, code="url") from None
        scheme = parts.scheme.split("+")[0]
        if scheme not in {"postgresql", "postgres"}:
            raise BadInput("the database URL does not start with postgresql://", hint=hint, code="url")
        if parts.netloc.count("@") > 1 or parts.fragment or "@" in parts.path:
            raise BadInput("the database URL has a character that must be encoded", hint=hint, code="url")
        address = cls(
            host=unquote(parts.hostname or "localhost"),
            port=port,
            user=unquote(parts.username or ""),
            password=Secret(unquote(parts.password or "")),
            database=unquote(parts.path.lstrip("/")),
        )
        return address._with_parameters(parse_qsl(parts.query, keep_blank_values=True))

    def _with_parameters(self, query: list[tuple[str, str]]) -> Address:
        """The query's parameters, where those that libpq lets override the URL's own text become that text.

        Raises:
            BadInput: a port that is no number.
            Refused: `service`, whose file could name another server than the URL does; it is never read.
        """
        given = dict(query)
        if "service" in given:
            raise Refused(
                "the database URL names a service, whose file could lead to any server; nothing was contacted",
                hint="write host, port and database into the URL, without ?service=",
                code="url_service",
            )
        port = given.pop("port", "") or str(self.port)
        if not port.isdecimal():
            raise BadInput("the port in the database URL is no number", code="url")
        return replace(
            self,
            host=given.pop("host", "") or self.host,
            port=int(port),
            user=given.pop("user", "") or self.user,
            password=Secret(given.pop("password", "") or self.password.reveal()),
            database=given.pop("dbname", "") or self.database,
            parameters=tuple(given.items()),
        )

    def with_database(self, name: str) -> Address:
        """The same login on the same server, another database."""
        return replace(self, database=name)

    def by_password(self) -> Address:
        """The same, reached with the password in any case."""
        return replace(self, socket="")

    def url(self, *, driver: str = "") -> str:
        """The full URL WITH the password, for a client or a driver; never print it."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return self._compose(scheme, quote(self.password.reveal(), safe=""), self.parameters)

    @property
    def masked(self) -> str:
        """The URL with `***` for the password."""
        shown = tuple((name, "***" if name in _SECRET else value) for name, value in self.parameters)
        return self._compose("postgresql", "***" if self.password.reveal() else "", shown)

    def _compose(self, scheme: str, password: str, parameters: tuple[tuple[str, str], ...]) -> str:
        login = quote(self.user, safe="") + (f":{password}" if password else "")
        query = "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in parameters)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{login}@{host}:{self.port}/{quote(self.database, safe='')}" + (f"?{query}" if query else "")

    def __str__(self) -> str:
        # hostaddr decides where a connection goes, so it is shown whenever it is given
        reached = dict(self.parameters).get("hostaddr", "")
        host = f"{self.host}[{reached}]" if reached else self.host
        return f"{self.user}@{host}:{self.port}/{self.database}"


def nowhere() -> Address:
    """An address for what contacts no server."""
    return Address("localhost", 5432, "nobody", Secret(""), "nothing")
