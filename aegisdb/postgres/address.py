"""Where a database is and how to log in, with a password that never shows."""

from __future__ import annotations

import re
from dataclasses import field, replace
from urllib.parse import parse_qsl, quote, unquote

from aegisdb.errors import BadInput, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.url_hosts import read_hosts, redirected
from aegisdb.postgres.url_parameters import require_known

# as appendix B of RFC 3986 has it: urlsplit of newer Pythons refuses a list of hosts with an address in brackets
_URL = re.compile(
    r"[^:/?#]+://(?P<netloc>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?", re.DOTALL
)
_SECRET = {"sslpassword"}
_OF_SEVERAL = {"target_session_attrs", "load_balance_hosts"}


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
    others: tuple[tuple[str, int], ...] = ()
    """Hosts and ports of the URL to try after the first one; `UrlServer` settles on one of all."""
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
        scheme = url.partition("://")[0].split("+")[0]
        if scheme not in {"postgresql", "postgres"}:
            raise BadInput("the database URL does not start with postgresql://", hint=hint, code="url")
        parts = _URL.fullmatch(url)
        if parts is None:
            raise BadInput("the database URL cannot be read", hint=hint, code="url")
        login, _, hosts = parts["netloc"].rpartition("@")
        if "@" in login or parts["fragment"] or "@" in parts["path"] or "[" in login or "]" in login:
            raise BadInput("the database URL has a character that must be encoded", hint=hint, code="url")
        user, _, password = login.partition(":")
        (host, port), *others = read_hosts(hosts, hint)
        address = cls(
            host=host,
            port=port,
            user=unquote(user),
            password=Secret(unquote(password)),
            database=unquote(parts["path"].lstrip("/")),
            others=tuple(others),
        )
        return address._with_parameters(parse_qsl(parts["query"] or "", keep_blank_values=True))

    def _with_parameters(self, query: list[tuple[str, str]]) -> Address:
        """The query's parameters, where those that libpq lets override the URL's own text become that text.

        Raises:
            BadInput: a word that libpq does not know, a port that is no number, or lists that do not fit.
            Refused: `service`, whose file could name another server than the URL does; it is never read.
        """
        given = dict(query)
        if "service" in given:
            raise Refused(
                "the database URL names a service, whose file could lead to any server; nothing was contacted",
                hint="write host, port and database into the URL, without ?service=",
                code="url_service",
            )
        require_known(given)
        places = redirected([(self.host, self.port), *self.others], given.pop("host", ""), given.pop("port", ""))
        if len(places) > 1 and given.get("hostaddr"):
            raise BadInput("the database URL has several hosts and a hostaddr", hint="write one of them", code="url")
        return replace(
            self,
            host=places[0][0],
            port=places[0][1],
            others=tuple(places[1:]),
            user=given.pop("user", "") or self.user,
            password=Secret(given.pop("password", "") or self.password.reveal()),
            database=given.pop("dbname", "") or self.database,
            parameters=tuple(given.items()),
        )

    @property
    def hosts(self) -> str:
        """The hosts as libpq lists them, with commas between."""
        return ",".join(host for host, _ in self.places)

    @property
    def ports(self) -> str:
        """A port for each host, in the same way."""
        return ",".join(str(port) for _, port in self.places)

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Each host with its port, in the order in which they are tried."""
        return ((self.host, self.port), *self.others)

    def settled(self, host: str, port: int) -> Address:
        """Return the one of several hosts that was reached; it answers `target_session_attrs` from now on."""
        kept = tuple((name, value) for name, value in self.parameters if name not in _OF_SEVERAL)
        return replace(self, host=host, port=port, others=(), parameters=kept)

    def with_database(self, name: str) -> Address:
        """Return the same login on the same server for another database."""
        return replace(self, database=name)

    def by_password(self) -> Address:
        """Return the same address, reached with the password in any case."""
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
        where = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.places)
        if any(host.startswith("/") for host, _ in self.places):
            # a socket's directory stands in the query: libpq, SQLAlchemy and asyncpg all read that
            where, parameters = "", (("host", self.hosts), ("port", self.ports), *parameters)
        query = "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in parameters)
        return f"{scheme}://{login}@{where}/{quote(self.database, safe='')}" + (f"?{query}" if query else "")

    def __str__(self) -> str:
        # hostaddr decides where a connection goes, so it is shown whenever it is given
        if reached := dict(self.parameters).get("hostaddr", ""):
            return f"{self.user}@{self.host}[{reached}]:{self.port}/{self.database}"
        places = ",".join(f"{host}:{port}" for host, port in self.places)
        return f"{self.user}@{places}/{self.database}"


def nowhere() -> Address:
    """An address for what contacts no server: an env.py that connects all the same finds nobody there."""
    return Address("127.0.0.1", 1, "nobody", Secret(""), "nothing")
