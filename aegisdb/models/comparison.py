"""What the models of services say against what the histories build, as two databases and not as two guesses.

For each service a scratch database with every history at head; its own tables go, its models make them anew, and the
fingerprints of both are compared.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.drift.expected_schema import base_schema, schema_at_head
from aegisdb.errors import AegisError, Interrupted
from aegisdb.fingerprint import read
from aegisdb.fingerprint.keys import parse, relation_name
from aegisdb.models.kept import KeptComparisons
from aegisdb.models.normal_form import differences, is_partition
from aegisdb.models.results import LostModel, ModelsCompared
from aegisdb.ownership import NOBODY, Owners
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import counted
from aegisdb.proofs.judgement import without_parts
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import ModelsBuilt
    from aegisdb.workspace import Workspace

_TYPES = frozenset({"type", "domain"})


def compare_models(
    ws: Workspace, histories: Sequence[History], *, whole: Workspace | None = None
) -> dict[str, ModelsCompared | AegisError]:
    """Compare the models of these services with the histories at head, by service; what cannot be loaded is an error.

    `whole` knows all owners, where `ws` has only some of the services.

    Raises:
        RevisionFailed: a history does not build.
    """
    if not histories:
        return {}
    knowing = whole or ws
    ws = proving(ws)
    source = template(ws, "histories")
    kept = KeptComparisons(knowing.registry, source)
    known = {history.service: found for history in histories if (found := kept.get(history))}
    asked = [history for history in histories if history.service not in known]
    made = _compare(ws, _Comparison(ws, knowing, source, kept), asked) if asked else {}
    return {history.service: known.get(history.service) or made[history.service] for history in histories}


def _compare(
    ws: Workspace, comparison: _Comparison, histories: Sequence[History]
) -> dict[str, ModelsCompared | AegisError]:
    warm_process(ws.registry)
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found = counted(ws.listen, "models", pool.map(comparison.tried, histories), len(histories))
        return dict(zip((history.service for history in histories), found, strict=True))


class _Comparison:
    """The histories at head, read once for all services."""

    def __init__(self, ws: Workspace, knowing: Workspace, source: str, kept: KeptComparisons) -> None:
        self._ws = ws
        self._template = source
        self._kept = kept
        self._head = schema_at_head(ws)
        self._owners = Owners(knowing.registry, base_schema(ws))
        self._owner_at_head = self._owners.owners(self._head)

    def tried(self, history: History) -> ModelsCompared | AegisError:
        """The comparison of one service, or why it failed."""
        try:
            return self._compared(history)
        except Interrupted:
            raise
        except AegisError as error:
            return error

    def _compared(self, history: History) -> ModelsCompared:
        since = time.time()
        built, models = self._built(history)
        own = _Own(self._ws.registry, history.service, built)
        whose = self._owners.owners(self._head, models)
        failed = set(built.failed)
        parts = [self._part(found, whose, own) for found in (self._head, models)]
        changes = differences(parts[0], parts[1], built.named)
        found = ModelsCompared(
            changes=without_parts(tuple(c for c in changes if c.relation.replace('"', "") not in failed)),
            lost=tuple(self._lost(history.service, built)),
            not_built=built.failed,
            tables=len(built.tables),
        )
        self._kept.keep(history, built.loaded, found, since)
        return found

    def _built(self, history: History) -> tuple[ModelsBuilt, Fingerprint]:
        ws = self._ws
        with scratch(ws.address(), template=self._template, label=f"models of {history.service}") as address:
            with connect(address) as conn:
                identity = conn.identity()
            options = StepOptions(listen=ws.listen, journal=False)
            with Session(ws.registry, history, address, identity, options) as session:
                built = session.build_models(self._owned(history.service))
            with connect(address) as conn:
                return built, read(conn)

    def _owned(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """What the service owns at head and its models may make anew; without `owns` all that nobody owns."""
        own = _Own(self._ws.registry, service)
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, owner in self._owner_at_head.items():
            name = parse(key)
            kind = "type" if name.kind in _TYPES else name.kind
            if kind not in {"table", "type", "sequence"} or key.startswith(_ABOUT) or not own.has(key, "", owner):
                continue
            if name.qualified in self._owners.version_tables:
                continue
            if not (kind == "table" and is_partition(self._head.facts[key])):
                found[f"{kind}s"].append((name.schema, name.name))
        return {kind: found[kind] for kind in ("tables", "types", "sequences")}

    def _part(self, found: Fingerprint, whose: Mapping[str, str], own: _Own) -> Fingerprint:
        facts = {
            key: text
            for key, text in found.facts.items()
            if own.has(key, found.relations.get(key, ""), whose[key]) and not self._is_of_version_table(key, found)
        }
        return type(found)(facts, found.relations)

    def _is_of_version_table(self, key: str, found: Fingerprint) -> bool:
        relation = found.relations.get(key, "")
        name = relation_name(relation) if relation else parse(key)
        return name.qualified in self._owners.version_tables

    def _lost(self, service: str, built: ModelsBuilt) -> Iterator[LostModel]:
        there = {parse(key).qualified for key in self._head.facts if key.startswith(_RELATIONS)}
        for table in built.hidden:
            owner = self._owners.owner_of_name(relation_name(_quoted(table)))
            if table in there or owner not in {NOBODY, service}:
                continue
            cls, file = built.classes.get(table, ("", ""))
            yield LostModel(table=table, cls=cls, file=file, owner=owner)


_ABOUT = ("comment on ", "grants on ", "security label ")
_RELATIONS = ("table ", "view ", "materialized view ", "foreign table ")


class _Own:
    """Whether an object is the service's; a service without `owns` and `schema` has what its models declare."""

    def __init__(self, registry: Registry, service: str, built: ModelsBuilt | None = None) -> None:
        settings = registry.services[service]
        self._service = service
        self._open = not settings.owns and not settings.schema
        self._declared = frozenset(built.tables) if built else None

    def has(self, key: str, relation: str, owner: str) -> bool:
        """Whether the object with this key, on this relation, with this owner is."""
        if owner == self._service:
            return True
        if not self._open or owner != NOBODY:
            return False
        if self._declared is None:
            return True
        name = relation_name(relation) if relation else parse(key)
        return name.kind != "table" or name.qualified in self._declared


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'"{schema}"."{name}"'
