"""The database of one test, as its fixture hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address


class Url(str):
    """A URL with its password, which `repr` masks: pytest puts the values of fixtures into the report of a failure."""

    __slots__ = ("_masked",)
    _masked: str

    def __new__(cls, address: Address, driver: str = "") -> Self:
        """The URL of an address, for a driver of SQLAlchemy where one is named."""
        made = super().__new__(cls, address.url(driver=driver))
        made._masked = address.masked
        return made

    def __repr__(self) -> str:
        return repr(self._masked)


@dataclass(frozen=True)
class Database:
    """A database of one's own at head; it may be changed, dropped or renamed."""

    address: Address

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.address.database

    @property
    def url(self) -> Url:
        """`postgresql://...`, for psycopg, asyncpg, psql and DATABASE_URL."""
        return Url(self.address)

    def url_for(self, driver: str) -> Url:
        """`postgresql+DRIVER://...`, as SQLAlchemy names its drivers."""
        return Url(self.address, driver)
