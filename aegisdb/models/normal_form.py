"""Takes out of two fingerprints what no model can say or leaves open, so that the rest can be compared.

`history` is what the histories build, `models` what `create_all` built. What models have no word for counts only where
something of theirs (an event of SQLAlchemy) made it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from aegisdb.fingerprint import Fingerprint, diff, split
from aegisdb.fingerprint.partitions import is_partition
from aegisdb.models.defaults import with_plain_default, without_given
from aegisdb.models.text_casts import TextCasts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aegisdb.fingerprint import Change
    from aegisdb.runtime.step_results import ModelsBuilt

_SAYABLE = ("table ", "column ", "constraint ", "index ", "comment on table ", "comment on column ")
"""Kinds of objects of which models that have none say that there is none."""
_UNSAID = {
    "table": ("toast with ", "row security ", "replica identity ", "owner "),
    "column": ("storage ", "compression ", "statistics ", "with ", "options "),
    "constraint": ("with ", "tablespace ", "clustered", "replica identity", "invalid index", "triggers "),
    "index": ("invalid", "clustered", "replica identity", "statistics "),
    "sequence": ("owner ",),
    "type": ("owner ",),
    "domain": ("owner ",),
    "view": ("owner ", "with "),
    "publication": ("tables ",),  # the tables of the models are others than those it was made for
    "materialized": ("owner ", "with ", "tablespace ", "not populated"),
}
"""Facts, by their beginning, that models have no word for."""
_COMMENT = "comment on "
_OWN_SEQUENCE = "default nextval of its own sequence"
_OWNER_OF_SEQUENCE = re.compile(r"; (?:owned by|identity of) ([^;]+)$")
_OWNED = re.compile(r"; owned by [^;]+$")
_UNCHECKED = re.compile(r"(not null.* not valid)(?: (?:also )?inherited)?")
_PARAMETERS = re.compile(r" WITH \(([^()]*)\)")
_INDEX_NAME = re.compile(r'^(CREATE (?:UNIQUE )?INDEX )(?:"(?:[^"]|"")*"|\S+) ON ')


def differences(history: Fingerprint, models: Fingerprint, built: ModelsBuilt) -> tuple[Change, ...]:
    """What the models have otherwise, of which `built` tells what they say and what they leave open."""
    before, after = (_with_sequences_of_columns(side, _sequences_alone(models)) for side in (history, models))
    before, after = _without_unsaid(before, after)
    before = _without_left(before, after, {".".join(names) for names in built.left})
    after = _renamed(before, after, {".".join(names) for names in built.named})
    before = _as_the_models_write(before, after)
    return tuple(
        change
        for change in diff(before, after)
        if not change.is_remark
        and change.object.replace('"', "").removeprefix(_COMMENT) not in built.left_out
        and not _is_of_history_alone(change, before.facts, after.facts)
    )


def _is_of_history_alone(change: Change, history: Mapping[str, str], models: Mapping[str, str]) -> bool:
    if change.kind != "removed":
        return False
    if not change.object.startswith(_SAYABLE):
        return True
    # a partition follows its parent; a constraint of a domain that no model has goes with it
    relation = history.get(f"table {change.relation}")
    if relation is None:
        return f"domain {change.relation}" not in models
    return is_partition(relation)


def _sequences_alone(models: Fingerprint) -> frozenset[str]:
    """Sequences that the models make by themselves; that a column owns one they cannot say."""
    keys = (key for key in models.facts if key.startswith("sequence "))
    return frozenset(key for key in keys if not _OWNER_OF_SEQUENCE.search(models.facts[key]))


def _with_sequences_of_columns(found: Fingerprint, alone: frozenset[str]) -> Fingerprint:
    """A sequence that belongs to a column is named by the server: it is called after the column."""
    facts, relations = dict(found.facts), dict(found.relations)
    for key in alone & facts.keys():
        facts[key] = _OWNED.sub("", facts[key])
    for key in [key for key in facts if key.startswith("sequence ")]:
        owner = _OWNER_OF_SEQUENCE.search(facts[key])
        column = f"column {owner[1]}" if owner else ""
        if owner and column in facts:
            told = facts.pop(key)[: owner.start()]
            relation = relations.pop(key, "")
            for about in [other for other in facts if other.endswith(f" on {key}")]:
                del facts[about]
            name = key.removeprefix("sequence ")
            default = f"default nextval('{name}'::regclass)"
            facts[column] = "; ".join(_OWN_SEQUENCE if f == default else f for f in split(facts[column]))
            if _OWN_SEQUENCE not in split(facts[column]):
                facts[f"sequence of {owner[1]}"] = told
                relations[f"sequence of {owner[1]}"] = relation
    return Fingerprint(facts, relations)


def _without_unsaid(history: Fingerprint, models: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Facts that models have no word for are kept where both tell them, or the models alone."""
    before, after = dict(history.facts), dict(models.facts)
    for key, text in history.facts.items():
        kind = key.partition(" ")[0]
        if kind not in _UNSAID:
            continue
        ours = _told(key, after.get(key, ""))
        theirs = _told(key, text)
        beginnings = {beginning for beginning in _UNSAID[kind] if any(fact.startswith(beginning) for fact in ours)}
        before[key] = "; ".join(
            fact
            for fact in theirs
            if not fact.startswith(_UNSAID[kind]) or any(fact.startswith(one) for one in beginnings)
        )
    after = {key: "; ".join(_told(key, facts)) for key, facts in after.items()}
    for facts in (before, after):
        for key in [key for key in facts if key.startswith(("column order ", "grants on "))]:
            del facts[key]
    return Fingerprint(before, history.relations), Fingerprint(after, models.relations)


def _without_left(history: Fingerprint, models: Fingerprint, left: Collection[str]) -> Fingerprint:
    """The history without what gives a value to columns of which the models say that the database does (`left`)."""
    facts = dict(history.facts)
    for key, text in history.facts.items():
        kind, _, name = key.partition(" ")
        if kind == "column" and name.replace('"', "") in left and key in models.facts:
            facts[key] = "; ".join(without_given(split(text)))
    return Fingerprint(facts, history.relations)


def _told(key: str, facts: str) -> list[str]:
    parts = split(facts)
    if key.startswith(("column ", "constraint ")):
        parts = [part for part in parts if part not in {"inherited", "also inherited"}]
    if key.startswith("column "):
        parts = [_not_null(part) if part.startswith("not null") else part for part in parts]
    if key.startswith("constraint "):
        parts = [part for part in parts if not part.startswith("index ")]
    return parts


def _not_null(part: str) -> str:
    """NOT NULL without what models do not say: its name (from PostgreSQL 18), where it holds for every row."""
    unchecked = _UNCHECKED.fullmatch(part)
    return unchecked[1] if unchecked else "not null"


def _renamed(history: Fingerprint, models: Fingerprint, named: Collection[str]) -> Fingerprint:
    """What the models leave to the server, or to a naming convention, is called as the history calls the same thing."""
    theirs, ours = _Structures(history), _Structures(models)
    alike = {
        key
        for key, facts in models.facts.items()
        if key in history.facts and (history.facts[key] == facts or theirs.of(key) == ours.of(key))
    }
    candidates: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in sorted(history.facts):
        if key not in alike and key.startswith(("constraint ", "index ")):
            candidates[history.relations.get(key, ""), theirs.of(key)].append(key)
    names: dict[str, str] = {}
    for key in sorted(models.facts):
        if key not in alike and _is_free(key, models, named):
            fitting = candidates.get((models.relations.get(key, ""), ours.of(key)))
            if fitting:
                names[key] = fitting.pop(0)
    if not names:
        return models
    taken = set(names.values())
    names |= {key: f"{key} of the models" for key in taken if key in models.facts and key not in names}
    facts = {_called(key, names): text for key, text in models.facts.items()}
    for new in taken:
        facts[new] = history.facts[new]  # an index tells its name in its facts
    return Fingerprint(facts, {_called(key, names): relation for key, relation in models.relations.items()})


def _called(key: str, names: Mapping[str, str]) -> str:
    about, on, rest = key.partition(" on ")
    if on and about == "comment":
        return f"{about}{on}{names.get(rest, rest)}"
    return names.get(key, key)


def _is_free(key: str, models: Fingerprint, named: Collection[str]) -> bool:
    kind, _, name = key.partition(" ")
    if kind == "index":
        relation = models.relations.get(key, "")
        name = f"{relation}.{name.rpartition('.')[2]}"
    elif kind != "constraint":
        return False
    return name.replace('"', "") not in named


class _Structures:
    """What a schema's objects are without the names of indexes, casts between texts, and the order of parameters."""

    def __init__(self, schema: Fingerprint) -> None:
        self._facts = schema.facts
        self._casts = TextCasts(schema)

    def of(self, key: str) -> str:
        facts = self._casts.without(key, _INDEX_NAME.sub(r"\1ON ", self._facts[key]))
        return _PARAMETERS.sub(_in_order, facts) if key.startswith("index ") else facts


def _in_order(parameters: re.Match[str]) -> str:
    return f" WITH ({', '.join(sorted(parameters[1].split(', ')))})"


def _as_the_models_write(history: Fingerprint, models: Fingerprint) -> Fingerprint:
    """The history's facts, as the models write them where only the way of writing differs."""
    facts, theirs, structures = dict(history.facts), _Structures(history), _Structures(models)
    for key, text in history.facts.items():
        ours = models.facts.get(key, text)
        if ours != text and (
            theirs.of(key) == structures.of(key)
            or (key.startswith("column ") and _give_the_same(split(text), split(ours)))
        ):
            facts[key] = ours
    return Fingerprint(facts, history.relations)


def _give_the_same(history: list[str], models: list[str]) -> bool:
    """Whether a column gets the same values where nobody gives one."""
    if with_plain_default(history) == with_plain_default(models):
        return True
    if _OWN_SEQUENCE not in models:
        return False
    # models that say no more than "the database counts" are content with an identity
    theirs = [fact for fact in history if not fact.startswith("identity ")]
    return len(theirs) < len(history) and theirs == [fact for fact in models if fact != _OWN_SEQUENCE]
