"""Results of comparisons of models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.fingerprint import Change


@dataclass(frozen=True, kw_only=True)
class LostModel:
    """A model that makes no table in any history, because no `owns` names it or because env.py hides it."""

    table: str
    cls: str
    file: str
    owner: str
    """Empty: nobody; else the service itself, whose env.py keeps it from Alembic."""
    view: bool = False
    """Its `info` calls it a view."""

    @property
    def name(self) -> str:
        """The table's name without its schema."""
        return self.table.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class OtherKind:
    """A model mapped onto something that the histories have as another kind of object; nothing of it was compared."""

    table: str
    cls: str
    file: str
    kind: str
    """What the histories have: "view", "partition of public.events"; "table" where `info` of the model says view."""


@dataclass(frozen=True, kw_only=True)
class ModelsCompared:
    """The result of one service's models: what differs, and what could not be compared."""

    changes: tuple[Change, ...] = ()
    """Differences, from the histories to the models."""
    lost: tuple[LostModel, ...] = ()
    others: tuple[OtherKind, ...] = ()
    not_built: Mapping[str, str] = field(default_factory=dict)
    """Tables whose models PostgreSQL does not take, and why; "" where that is a type."""
    tables: int = 0
    """How many of its tables were compared."""
    plugins: tuple[str, ...] = ()
    """What plugins of autogenerate would write of the service's own objects, in words."""
    plugins_failed: str = ""
    """Why plugins could not be asked."""


def without_views(found: ModelsCompared) -> ModelsCompared:
    """What was found, without views that no revision makes: the proof of what makes their tables tells them."""
    return replace(found, lost=tuple(model for model in found.lost if not model.view))
