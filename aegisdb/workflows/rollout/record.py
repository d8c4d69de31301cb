"""What a rollout is, frozen when it starts: files, members and stages. Each member that it has claimed keeps a copy.

The file below `.aegisdb/` only saves a question to the members: without it, or on another machine, they are asked.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Self

from aegisdb.errors import BadInput
from aegisdb.fast_dataclass import dataclass
from aegisdb.file_cache import Kind
from aegisdb.plain_text import some_of
from aegisdb.registry.fleets import Stage
from aegisdb.revisions.load import good_histories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.members.choice import Chosen, Member
    from aegisdb.registry.types import Registry

_KEPT = Kind("rollouts/{name}.json", outlasts=1)


@dataclass(frozen=True)
class Record:
    """One rollout."""

    id: str
    fleet: str
    match: tuple[str, ...]
    shard: str
    phase: str
    """As for `migrate.apply`: "expand", or empty for everything."""
    files: str
    """Digest of every revision of every service."""
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    """Names of the members by stage, in order."""

    @property
    def members(self) -> tuple[str, ...]:
        """Names of all members, in the order of the stages."""
        return tuple(name for _, names in self.stages for name in names)

    def text(self) -> str:
        """Write the record as JSON."""
        return json.dumps(vars(self))

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Self:
        """Read what `text` wrote.

        Raises:
            BadInput: another version of aegisdb wrote it.
        """
        try:
            stages = tuple((name, tuple(members)) for name, members in plain["stages"])
            return cls(**{**plain, "match": tuple(plain["match"]), "stages": stages})
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"the record of a rollout cannot be read: {type(error).__name__}: {error}",
                hint="use the version of aegisdb that began it",
                code="rollout_record",
            ) from None

    def keep(self, state: Path) -> None:
        """Write it below `.aegisdb/`, as far as that can be written."""
        _KEPT.file(state, self.id).keep_json(json.loads(self.text()))

    @classmethod
    def kept(cls, state: Path, identifier: str) -> Self | None:
        """Read the record that was kept here; None where none can be read: the members have it, too."""
        known = _KEPT.file(state, identifier).read_json()
        try:
            return None if known is None else cls.of(known)
        except BadInput:
            return None


def freeze(registry: Registry, fleet: Chosen, phase: str) -> Record:
    """The rollout that begins now.

    Raises:
        HistoryError: a history cannot be read; BadInput: members that are in no stage.
    """
    identifier = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    stages = tuple((stage.name, tuple(m.name for m in members)) for stage, members in staged(registry, fleet))
    return Record(identifier, fleet.fleet, fleet.match, fleet.shard, phase, digest_of(registry), stages)


def staged(registry: Registry, fleet: Chosen) -> Iterator[tuple[Stage, list[Member]]]:
    """Each stage with its members: the first that fits has them."""
    left = list(fleet.members)
    for stage in stages_of(fleet):
        mine = [member for member in left if all(member.labels.get(k) == v for k, v in stage.match.items())]
        left = [member for member in left if member not in mine]
        yield stage, mine
    if left:
        raise BadInput(
            f"members in no stage: {some_of([member.name for member in left])}",
            where=f"{registry.path.name}: fleets.{fleet.fleet}.stages",
            hint="give the last stage no `match`",
            code="no_stage",
        )


def stages_of(fleet: Chosen) -> tuple[Stage, ...]:
    """The stages of services.yaml; a single one with all members without any."""
    return fleet.settings.stages or (Stage(name="all"),)


def digest_of(registry: Registry) -> str:
    """The digest of what every revision does; comments and formatting do not count."""
    histories = good_histories(registry)
    every = sorted((name, one.id, one.down, one.digest) for name, h in histories.items() for one in h.ordered())
    return hashlib.sha256(json.dumps(every).encode()).hexdigest()[:16]
