"""The two sides of a comparison of models: what the histories build, and what the models build in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.drift.expected_schema import base_schema, schema_at_head
from aegisdb.fingerprint import Fingerprint, of_rows, read, statements_inside
from aegisdb.fingerprint.keys import relation_name
from aegisdb.models.own_parts import OwnParts
from aegisdb.models.results import LostModel, OtherKind
from aegisdb.ownership import NOBODY, Owners
from aegisdb.postgres.scratch import scratch
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.worker.own_objects import OwnObjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.models.copies import Copy
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Identity
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import ModelsBuilt
    from aegisdb.workspace import Workspace

_MAJOR = 10_000  # of `server_version_num`


@dataclass(frozen=True)
class Sides:
    """A service's own objects in both schemas, and what its worker told."""

    head: Fingerprint
    models: Fingerprint
    built: ModelsBuilt
    whole: Fingerprint
    """The schema that the models are part of, as far as it was read."""


class BothSides:
    """The histories at head, in the template `source`, and who owns what there, as far as `knowing` has them."""

    def __init__(self, ws: Workspace, source: str, knowing: Workspace, head: Fingerprint | None = None) -> None:
        """`head`: the schema of `source`, where that is no template."""
        self._ws = ws
        self._template = source
        self._base = base_schema(ws)
        self._owners = Owners(knowing.registry, self._base)
        self.parts = OwnParts(ws.registry, self._owners, head or schema_at_head(ws, source))

    def of(self, history: History) -> Sides:
        """Build the models of a service in a scratch database; the part that it owns of both."""
        ws, service = self._ws, history.service
        label = f"models of {service}"
        with (
            scratch(ws.address(), template=self._template, label=label, soon=ws.server.own) as address,
            ws.client.connect(address) as conn,
        ):
            with self._session(history, address, conn.identity()) as session:
                built = session.build_models(self.parts.owned(service))
            return self.sides(service, built, read(conn))

    def tried(self, history: History, copy: Copy) -> Sides:
        """Build and read both sides in a copy of the histories at head that others get afterwards.

        Raises:
            AegisError: it is not possible there, or a table cannot be built.
        """
        service, identity = history.service, copy.identity
        reading = statements_inside(self.parts.relations(service), identity.server_version // _MAJOR)
        with self._session(history, copy.address, identity) as session:
            built = session.build_models(self.parts.owned(service), reading)
        return self.sides(service, built, of_rows(built.found))

    def sides(self, service: str, built: ModelsBuilt, whole: Fingerprint) -> Sides:
        """The service's part of both, where `whole` has its models."""
        return Sides(*self.parts.both(service, built, whole), built, whole)

    def _session(self, history: History, address: Address, identity: Identity) -> Session:
        options = StepOptions(listen=self._ws.listen, journal=False)
        return Session(self._ws.registry, history, address, identity, options)

    def of_plugins(self, service: str, built: ModelsBuilt) -> Iterator[str]:
        """What plugins of autogenerate would write, but for what is about objects of others."""
        if not built.plugins.operations:
            return
        objects = OwnObjects(self.parts.objects(service))
        yield from (words for words, names, drop in built.plugins.operations if objects.may(names, drop=drop))

    def is_of_base(self, key: str) -> bool:
        """Whether the base schema has the object, whoever claims it: no revision made it."""
        return key in self._base.facts

    def lost(self, service: str, built: ModelsBuilt) -> Iterator[LostModel]:
        """Models of which no history makes the table, and no other owner."""
        for table in built.hidden:
            owner = self._owners.owner_of_name(relation_name(_quoted(table)))
            if table in self.parts.tables or owner not in {NOBODY, service}:
                continue
            cls, file = built.classes.get(table, ("", ""))
            yield LostModel(table=table, cls=cls, file=file, owner=owner, view=table in built.views)


def other_kinds(built: ModelsBuilt) -> Iterator[OtherKind]:
    """Models mapped onto what is no table, or views onto what is one."""
    for table, kind in built.others.items():
        cls, file = built.classes.get(table, ("", ""))
        yield OtherKind(table=table, cls=cls, file=file, kind=kind)


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'"{schema}"."{name}"'
