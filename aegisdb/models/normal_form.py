"""Takes out of two fingerprints what no model can say or leaves open, so that the rest can be compared.

`history` is what the histories build, `models` what `create_all` built. What models have no word for counts only where
something of theirs (an event of SQLAlchemy) made it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from aegisdb.fingerprint import Fingerprint, diff
from aegisdb.fingerprint.partitions import is_partition
from aegisdb.models.defaults import with_plain_default, without_given

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
    "materialized": ("owner ", "with ", "tablespace ", "not populated"),
}
"""Facts, by their beginning, that models have no word for."""
_OWN_SEQUENCE = "default nextval of its own sequence"
_OWNER_OF_SEQUENCE = re.compile(r"; (?:owned by|identity of) ([^;]+)$")
_INDEX_NAME = re.compile(r'^(CREATE (?:UNIQUE )?INDEX )(?:"(?:[^"]|"")*"|\S+) ON ')
_TEXT_CAST = re.compile(r"::(?:text|character varying|bpchar)(?:\[\])?(?![\w(\[])")
_AROUND_ONE = re.compile(r'(?<![\w"])\(([\w\0]+|"[^"]*"|ARRAY\[[^\[\]()]*\])\)')
_DOUBLE = re.compile(r"\(\(([^()]*)\)\)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")


def differences(history: Fingerprint, models: Fingerprint, built: ModelsBuilt) -> tuple[Change, ...]:
    """What the models have otherwise, of which `built` tells what they say and what they leave open."""
    before, after = _with_sequences_of_columns(history), _with_sequences_of_columns(models)
    before, after = _without_unsaid(before, after)
    before = _without_left(before, after, {".".join(names) for names in built.left})
    after = _renamed(before, after, {".".join(names) for names in built.named})
    before = _as_the_models_write(before, after)
    return tuple(
        change
        for change in diff(before, after)
        if not change.is_remark and not _is_of_history_alone(change, before.facts, after.facts)
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


def _with_sequences_of_columns(found: Fingerprint) -> Fingerprint:
    """A sequence that belongs to a column is named by the server: it is called after the column."""
    facts, relations = dict(found.facts), dict(found.relations)
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
            facts[column] = "; ".join(_OWN_SEQUENCE if f == default else f for f in facts[column].split("; "))
            if _OWN_SEQUENCE not in facts[column].split("; "):
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
            facts[key] = "; ".join(without_given(text.split("; ")))
    return Fingerprint(facts, history.relations)


def _told(key: str, facts: str) -> list[str]:
    parts = facts.split("; ")
    if key.startswith("column "):
        # PostgreSQL 18 gives NOT NULL a name and a way of being inherited, which models do not
        parts = ["not null" if part.startswith("not null") else part for part in parts]
        parts = [part for part in parts if part not in {"inherited", "also inherited"}]
    if key.startswith("constraint "):
        parts = [part for part in parts if not part.startswith("index ")]
    return parts


def _renamed(history: Fingerprint, models: Fingerprint, named: Collection[str]) -> Fingerprint:
    """What the models leave to the server, or to a naming convention, is called as the history calls the same thing."""
    alike = {
        key
        for key, facts in models.facts.items()
        if key in history.facts and structure(history.facts[key]) == structure(facts)
    }
    candidates: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in sorted(history.facts):
        if key not in alike and key.startswith(("constraint ", "index ")):
            candidates[history.relations.get(key, ""), structure(history.facts[key])].append(key)
    names: dict[str, str] = {}
    for key in sorted(models.facts):
        if key not in alike and _is_free(key, models, named):
            fitting = candidates.get((models.relations.get(key, ""), structure(models.facts[key])))
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


def structure(facts: str) -> str:
    """The facts of a constraint or index without its name and without casts between texts."""
    return without_text_casts(_INDEX_NAME.sub(r"\1ON ", facts))


def _as_the_models_write(history: Fingerprint, models: Fingerprint) -> Fingerprint:
    """The history's facts, as the models write them where only the way of writing differs."""
    facts = dict(history.facts)
    for key, text in facts.items():
        ours = models.facts.get(key, text)
        if ours != text and _mean_the_same(key, text, ours):
            facts[key] = ours
    return Fingerprint(facts, history.relations)


def _mean_the_same(key: str, history: str, models: str) -> bool:
    if without_text_casts(history) == without_text_casts(models):
        return True
    if not key.startswith("column "):
        return False
    if with_plain_default(history.split("; ")) == with_plain_default(models.split("; ")):
        return True
    if _OWN_SEQUENCE not in models.split("; "):
        return False
    # models that say no more than "the database counts" are content with an identity
    theirs = [fact for fact in history.split("; ") if not fact.startswith("identity ")]
    return len(theirs) < len(history.split("; ")) and theirs == [f for f in models.split("; ") if f != _OWN_SEQUENCE]


def without_text_casts(text: str) -> str:
    """The text without casts between kinds of text: a column that once was varchar keeps them in its expressions.

    Parentheses go where they hold a single thing, so that what belongs together stays together.
    """
    literals: list[str] = []

    def hide(literal: re.Match[str]) -> str:
        literals.append(literal[0])
        return f"\0{len(literals)}\0"

    bare, count = _TEXT_CAST.sub("", _LITERAL.sub(hide, text)), 1
    while count:
        bare, single = _AROUND_ONE.subn(r"\1", bare)
        bare, double = _DOUBLE.subn(r"(\1)", bare)
        count = single + double
    return "\n".join([bare, *literals])
